interface SparklineProps {
  readonly values: readonly number[];
  /** What it shows, in words. */
  readonly label: string;
}

const WIDTH = 96;
const HEIGHT = 20;

/** A line of how a figure has moved; from 0 to the largest. */
export function Sparkline({ values, label }: SparklineProps) {
  const most = Math.max(...values, 1);
  const step = WIDTH / Math.max(values.length - 1, 1);
  const y = (value: number) => HEIGHT - 1.5 - (value / most) * (HEIGHT - 3);
  const points = values.map((value, i) => `${(i * step).toFixed(1)},${y(value).toFixed(1)}`);
  const only = values.length === 1 ? [`${WIDTH},${y(values[0] ?? 0)}`] : [];
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      <polyline points={[...points, ...only].join(' ')} />
    </svg>
  );
}
