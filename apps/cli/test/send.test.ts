import { describe, expect, it } from 'vitest';
import { newChannel, useCli } from './support/cli.js';

const cli = useCli();
const lines = (...events: unknown[]) => events.map((event) => `${JSON.stringify(event)}\n`).join('');

describe('send', () => {
  it('publishes an event of its arguments, and says which', async () => {
    const channel = newChannel();
    const { code, stdout, stderr } = await cli().run([
      'send',
      channel,
      'paid',
      '{"order":17}',
      '--from',
      'shop',
    ]);
    expect([code, stdout, stderr]).toEqual([0, `Event 1 of ${channel} is stored.\n`, '']);
    expect(await cli().json(['latest', channel])).toEqual([
      { id: 1, timestamp: expect.any(Number), from: 'shop', type: 'paid', data: { order: 17 } },
    ]);
  });

  it('with a key is stored once, and under a condition only if that holds', async () => {
    const channel = newChannel();
    const [first] = await cli().json(['send', channel, 'paid', '--key', 'once']);
    expect(await cli().json(['send', channel, 'paid', '--key', 'once'])).toEqual([first]);
    const refused = await cli().run(['send', channel, 'paid', '--expected-last-id', '0']);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('1')]);
    await cli().json(['send', channel, 'paid', '--expected-last-id', '1']);
    expect(await cli().json(['latest', channel])).toHaveLength(2);
  });

  it('sends lines of standard input in their order, many in a request', async () => {
    const channel = newChannel();
    const count = 2_500;
    const input = lines(...Array.from({ length: count }, (_, n) => ({ type: 'n', data: { n } })));
    const sent = (await cli().json(['send', channel], { input: `\n${input}` })) as { id: number }[];
    expect(sent.map(({ id }) => id)).toEqual(Array.from({ length: count }, (_, n) => n + 1));
    const stored = (await cli().json(['tail', channel, '--after', '0', '--until-end'])) as {
      data: { n: number };
    }[];
    expect(stored.map(({ data }) => data.n)).toEqual(Array.from({ length: count }, (_, n) => n));
    const [event] = stored;
    expect(event).toMatchObject({ from: 'ganomede-events-cli' });
  });

  it('keeps what a line says of sender and metadata', async () => {
    const channel = newChannel();
    const input = lines({ type: 'paid', from: 'shop', metadata: { key: 'k' } });
    const { stderr } = await cli().run(['send', channel], { input });
    expect(stderr).toBe(`1 event sent to ${channel}, id 1.\n`);
    expect(await cli().json(['latest', channel])).toMatchObject([{ from: 'shop', metadata: { key: 'k' } }]);
  });

  it.each([
    ['no JSON', 'nonsense\n', /^Line 2: expected a JSON object/m],
    ['no object', '17\n', /^Line 2: expected a JSON object/m],
    ['an event without a type', '{"data":{}}\n', /^Line 2: Invalid type/m],
  ])('stops at a line that is %s, and says what was sent', async (_what, wrong, message) => {
    const channel = newChannel();
    const input = `${lines({ type: 'paid' })}${wrong}${lines({ type: 'paid' })}`;
    const { code, stderr } = await cli().run(['send', channel], { input });
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).toContain(`1 event sent to ${channel}, id 1.`);
    expect(await cli().json(['latest', channel])).toHaveLength(1);
  });

  it.each([
    ['data that is no JSON', ['send', 'c', 'paid', '{order: 17}'], /The data is no JSON/],
    ['data that is a number', ['send', 'c', 'paid', '17'], /Invalid data/],
    ['a key with lines', ['send', 'c', '--key', 'k'], /--key/],
    ['a channel that cannot be', ['send', 'a\tb', 'paid'], /Channel/],
  ])('refuses %s', async (_what, args, message) => {
    const { code, stderr } = await cli().run(args);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
