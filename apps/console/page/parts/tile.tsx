import type { ComponentChildren } from 'preact';

interface TileProps {
  readonly label: string;
  readonly children: ComponentChildren;
  /** More about it, in small print. */
  readonly hint?: ComponentChildren;
  readonly tone?: 'bad' | 'warning' | undefined;
}

/** One figure and what it is. Belongs into a `dl`. */
export function Tile({ label, children, hint, tone }: TileProps) {
  return (
    <div class={`tile ${tone ?? ''}`}>
      <dt>{label}</dt>
      <dd>
        {children}
        {hint !== undefined && <small>{hint}</small>}
      </dd>
    </div>
  );
}
