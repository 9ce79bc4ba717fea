import { SECRET } from './server.js';

interface Numbered {
  readonly id: number;
  readonly data: { readonly n: number; readonly run?: number };
}

/** Everything that a channel holds, in the order of ids. @param url of the server, without a path */
export async function allEvents(url: string, channel: string): Promise<Numbered[]> {
  const events: Numbered[] = [];
  for (;;) {
    const query = new URLSearchParams({
      clientId: 'who looks',
      channel,
      after: `${events.at(-1)?.id ?? 0}`,
      limit: '10000',
      timeout: '0',
    });
    const answer = await fetch(`${url}/events/v1/events?${query}`, {
      headers: { Authorization: `Bearer ${SECRET}` },
    });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    const page = (await answer.json()) as Numbered[];
    if (page.length === 0) return events;
    events.push(...page);
  }
}
