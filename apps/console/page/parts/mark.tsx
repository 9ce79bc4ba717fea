/** Three lines, one below the other: a channel. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect x="3" y="6" width="26" height="5" rx="2.5" />
      <rect x="3" y="14" width="17" height="5" rx="2.5" opacity=".7" />
      <rect x="3" y="22" width="22" height="5" rx="2.5" opacity=".45" />
    </svg>
  );
}
