import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

interface VirtualListProps<T> {
  readonly items: readonly T[];
  readonly rowHeight: number;
  keyOf(item: T): string | number;
  /** A row, to be put at `top` pixels. */
  renderRow(item: T, index: number, top: number): ComponentChildren;
  /** Of the item to be brought into sight when it changes. */
  readonly shownKey?: string | number | undefined;
  /** Of an item to be brought into the middle once it is there. */
  readonly centredKey?: string | number | undefined;
  /** Whether who is at the start stays there if something is added above; default false. */
  readonly staysAtStart?: boolean;
  onNearStart?(): void;
  onNearEnd?(): void;
  /** Whether the first row is in sight. */
  onAtStart?(atStart: boolean): void;
  /** Of the element that holds the rows. */
  readonly attributes?: Record<string, unknown>;
}

/** Rows that are drawn beyond what is in sight. */
const MARGIN = 8;
/** So near to an end more is asked for, rows. */
const NEAR = 30;

/**
 * A list of rows of one height, of which only those in sight are drawn. Who looks at rows goes on seeing them where they are, whatever
 * is added or dropped above.
 */
export function VirtualList<T>(props: VirtualListProps<T>) {
  const { items, rowHeight, keyOf, renderRow, shownKey, onNearStart, onNearEnd, onAtStart, attributes } =
    props;
  const { staysAtStart = false, centredKey } = props;
  const element = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  /** The first row in sight, and how far it is scrolled out; undefined at the start. */
  const anchor = useRef<{ key: string | number; offset: number } | undefined>(undefined);

  const hold = (top: number) => {
    const first = items[Math.floor(top / rowHeight)];
    const isFree = first === undefined || (staysAtStart && top < 1);
    anchor.current = isFree ? undefined : { key: keyOf(first), offset: top % rowHeight };
  };
  const look = () => {
    const { current } = element;
    if (current === null) return;
    const { scrollTop: top, clientHeight: height } = current;
    hold(top);
    setView({ top, height });
    onAtStart?.(top < 1);
  };

  useEffect(() => {
    const { current } = element;
    if (current === null) return;
    look();
    const observer = new ResizeObserver(([entry]) => {
      const height = entry?.contentRect.height;
      if (height !== undefined) setView((before) => ({ ...before, height }));
    });
    observer.observe(current);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    const { current } = element;
    if (current === null) return;
    const { key, offset } = anchor.current ?? { key: undefined, offset: 0 };
    const index = key === undefined ? -1 : items.findIndex((item) => keyOf(item) === key);
    const top = index * rowHeight + offset;
    if (index !== -1 && Math.abs(current.scrollTop - top) >= 1) {
      current.scrollTop = top;
      setView({ top: current.scrollTop, height: current.clientHeight });
    }
    hold(current.scrollTop);
  }, [items, rowHeight, staysAtStart]);

  useLayoutEffect(() => {
    const { current } = element;
    const index = shownKey === undefined ? -1 : items.findIndex((item) => keyOf(item) === shownKey);
    if (current === null || index === -1) return;
    const top = index * rowHeight;
    const { scrollTop, clientHeight } = current;
    const beyond = Math.max(scrollTop - top, top + rowHeight - scrollTop - clientHeight);
    if (beyond <= 0) return;
    // A step of the keys moves by what is needed; what is far away comes into the middle.
    if (beyond > clientHeight) current.scrollTop = top - clientHeight / 2;
    else current.scrollTop = top < scrollTop ? top : scrollTop + beyond;
  }, [shownKey]);

  const centredIndex = centredKey === undefined ? -1 : items.findIndex((item) => keyOf(item) === centredKey);
  useLayoutEffect(() => {
    const { current } = element;
    if (current !== null && centredIndex !== -1) {
      const rowsBefore = Math.floor(current.clientHeight / rowHeight / 2);
      current.scrollTop = (centredIndex - rowsBefore) * rowHeight;
    }
  }, [centredKey, centredIndex === -1]);

  const from = Math.max(0, Math.floor(view.top / rowHeight) - MARGIN);
  const to = Math.min(items.length, Math.ceil((view.top + view.height) / rowHeight) + MARGIN);
  const isNearStart = view.top / rowHeight < NEAR;
  const isNearEnd = items.length - (view.top + view.height) / rowHeight < NEAR;
  useEffect(() => {
    if (items.length === 0) return;
    if (isNearEnd) onNearEnd?.();
    if (isNearStart) onNearStart?.();
  }, [items, isNearStart, isNearEnd]);

  return (
    <div ref={element} class="virtual-list" onScroll={look}>
      <div {...attributes} style={{ height: `${items.length * rowHeight}px` }}>
        {items.slice(from, to).map((item, i) => renderRow(item, from + i, (from + i) * rowHeight))}
      </div>
    </div>
  );
}
