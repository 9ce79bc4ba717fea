import stringWidth from 'string-width';
import { printable } from './printable.js';

export interface Column<Row> {
  readonly title: string;
  /** What stands there; undefined: nothing is known. */
  text(row: Row): string | undefined;
  /** Numbers stand at the right. */
  readonly isNumber?: boolean;
}

/** The lines of a table with a head. `style` colours the head. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: (text: string) => string,
): string[] {
  const cells = rows.map((row) => columns.map((column) => printable(column.text(row) ?? '-')));
  const widths = columns.map(({ title }, i) =>
    cells.reduce((width, line) => Math.max(width, stringWidth(line[i] as string)), title.length),
  );
  const lineOf = (texts: readonly string[]) =>
    texts
      .map((text, i) => {
        const space = ' '.repeat((widths[i] as number) - stringWidth(text));
        return columns[i]?.isNumber ? space + text : text + space;
      })
      .join('  ')
      .trimEnd();
  return [style(lineOf(columns.map(({ title }) => title))), ...cells.map(lineOf)];
}
