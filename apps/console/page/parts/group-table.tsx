import type { GroupState } from '../api/events-api.js';
import { formatDuration, formatNumber } from '../format.js';
import { troublesOf } from '../state/attention.js';
import { channelHref } from '../state/route.js';
import { keyOf } from '../state/survey.js';
import { LagLine } from './consumer-table.js';

/** Groups, what each has to do and what it has not done. */
export function GroupTable({
  label,
  groups,
}: {
  readonly label: string;
  readonly groups: readonly GroupState[];
}) {
  return (
    <div class="scroll-x">
      <table class="table" aria-label={label}>
        <thead>
          <tr>
            <th scope="col">Group</th>
            <th scope="col">State</th>
            <th scope="col">Channel</th>
            <th scope="col" class="number">
              Not handed out
            </th>
            <th scope="col" class="number">
              Out
            </th>
            <th scope="col" class="number">
              Oldest
            </th>
            <th scope="col" class="number">
              Dead letters
            </th>
            <th scope="col" class="number">
              Workers
            </th>
            <th scope="col">History</th>
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => (
            <tr key={keyOf(group)}>
              <th scope="row">
                <a href={channelHref(group.channel, 'groups', group.group)}>{group.group}</a>
              </th>
              <td class="state">
                {troublesOf(group).length === 0 ? <span class="muted">fine</span> : <Trouble group={group} />}
              </td>
              <td>
                <a href={channelHref(group.channel, 'consumers')}>{group.channel}</a>
              </td>
              <td class="number">{formatNumber(group.lag)}</td>
              <td class="number">{formatNumber(group.pending)}</td>
              <td class="number">
                {group.oldestPendingMs === undefined ? '–' : formatDuration(group.oldestPendingMs)}
              </td>
              <td class={`number ${group.deadLetters > 0 ? 'warning-text' : ''}`}>
                {formatNumber(group.deadLetters)}
              </td>
              <td class="number">{formatNumber(group.workers.length)}</td>
              <td>
                <LagLine state={group} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Trouble({ group }: { readonly group: GroupState }) {
  return <span class="warning-text">{troublesOf(group).join('; ')}</span>;
}
