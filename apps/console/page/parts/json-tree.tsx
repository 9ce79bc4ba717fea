import { useState } from 'preact/hooks';

/** Children that are drawn at first, and with each further step. */
const STEP = 100;
/** So deep it is open at first. */
const OPEN_DEPTH = 3;

interface JsonTreeProps {
  readonly value: unknown;
  /** Of the member that this is; undefined for the whole. */
  readonly name?: string | undefined;
  readonly depth?: number;
  readonly isLast?: boolean;
}

/** JSON as it would be formatted, whose objects and arrays can be folded. */
export function JsonTree({ value, name, depth = 0, isLast = true }: JsonTreeProps) {
  const entries = entriesOf(value);
  const [isOpen, setIsOpen] = useState(depth < OPEN_DEPTH);
  const [shown, setShown] = useState(STEP);
  const comma = isLast ? '' : ',';
  const key = name !== undefined && (
    <>
      <span class="json-key">{JSON.stringify(name)}</span>:{' '}
    </>
  );
  if (entries === undefined || entries.length === 0) {
    return (
      <div class="json-line">
        {key}
        <Scalar value={value} />
        {comma}
      </div>
    );
  }
  const isArray = Array.isArray(value);
  const [opening, closing] = isArray ? ['[', ']'] : ['{', '}'];
  return (
    <div>
      <div class="json-line">
        <button
          type="button"
          class="fold"
          aria-expanded={isOpen}
          aria-label={`${name ?? 'The whole'}: ${entries.length} ${isArray ? 'elements' : 'members'}`}
          onClick={() => setIsOpen(!isOpen)}
        >
          {isOpen ? '▾' : '▸'}
        </button>
        {key}
        {opening}
        {!isOpen && (
          <>
            <span class="muted"> {entries.length} … </span>
            {closing}
            {comma}
          </>
        )}
      </div>
      {isOpen && (
        <>
          <div class="json-children">
            {entries.slice(0, shown).map(([childName, child], i) => (
              <JsonTree
                key={childName}
                value={child}
                name={isArray ? undefined : childName}
                depth={depth + 1}
                isLast={i === entries.length - 1}
              />
            ))}
            {entries.length > shown && (
              <button type="button" class="link" onClick={() => setShown(shown + STEP * 5)}>
                {entries.length - shown} more
              </button>
            )}
          </div>
          <div class="json-line">
            {closing}
            {comma}
          </div>
        </>
      )}
    </div>
  );
}

/** Undefined: it has none. */
function entriesOf(value: unknown): [string, unknown][] | undefined {
  return typeof value === 'object' && value !== null ? Object.entries(value) : undefined;
}

function Scalar({ value }: { readonly value: unknown }) {
  const kind = typeof value === 'string' ? 'string' : typeof value === 'number' ? 'number' : 'word';
  return <span class={`json-${kind}`}>{JSON.stringify(value)}</span>;
}
