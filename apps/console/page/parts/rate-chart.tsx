import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { formatRate } from '../format.js';
import { type Figures, figures } from '../state/figures.js';
import { useMedia } from '../state/use-media.js';

const HEIGHT_PX = 180;

/** Events that were published and delivered, a second, over the last minutes. */
export function RateChart() {
  const element = useRef<HTMLDivElement>(null);
  const isDark = useMedia('(prefers-color-scheme: dark)');

  // Drawn anew in other colours.
  useEffect(() => {
    const target = element.current;
    if (target === null) return;
    const chart = new uPlot(optionsOf(target), dataOf(figures.peek()), target);
    const observer = new ResizeObserver(() =>
      chart.setSize({ width: target.clientWidth, height: HEIGHT_PX }),
    );
    observer.observe(target);
    const stop = figures.subscribe((values) => chart.setData(dataOf(values)));
    return () => {
      stop();
      observer.disconnect();
      chart.destroy();
    };
  }, [isDark]);

  const last = figures.value.at(-1);
  const label =
    last === undefined
      ? 'Events a second'
      : `Events a second: ${formatRate(last.published)} published, ${formatRate(last.delivered)} delivered`;
  return (
    <figure class="chart">
      <figcaption>
        <span class="key published">Published</span>
        <span class="key delivered">Delivered</span>
        <span class="muted">events a second</span>
      </figcaption>
      <div ref={element} class="plot" role="img" aria-label={label} />
    </figure>
  );
}

function dataOf(values: readonly Figures[]): uPlot.AlignedData {
  return [
    values.map(({ at }) => at / 1_000),
    values.map(({ published }) => published),
    values.map(({ delivered }) => delivered),
  ];
}

function optionsOf(target: HTMLElement): uPlot.Options {
  const style = getComputedStyle(target);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--muted'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  };
  const line = (name: string) => ({ stroke: colour(name), width: 1.5, points: { show: false } });
  return {
    width: target.clientWidth,
    height: HEIGHT_PX,
    padding: [10, 18, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      // Five minutes, so that the line does not run about while there is little of it.
      x: {
        range: (_plot, _min, max: number | null) => {
          const end = max ?? Date.now() / 1_000;
          return [end - 300, end];
        },
      },
      y: { range: (_plot, _min, max) => [0, Math.max(max * 1.1, 1)] },
    },
    axes: [
      { ...axis, space: 80, size: 26, values: (_plot, splits) => splits.map(timeOfDay) },
      { ...axis, size: 42, values: (_plot, splits) => splits.map(formatRate) },
    ],
    series: [{}, { ...line('--accent'), fill: colour('--accent-fill') }, line('--second')],
  };
}

const timeOfDay = (seconds: number) =>
  new Date(seconds * 1_000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
