import { useState } from 'preact/hooks';
import { channelHref, go } from '../state/route.js';
import { rights } from '../state/session.js';

/** For a token that may not list channels: those that stand in it, and a way to those whose names begin as it says. */
export function ChannelsOfToken() {
  const [name, setName] = useState('');
  const all = rights.value.namedChannels;
  const whole = all.filter((each) => !each.endsWith('*'));
  const beginnings = all.filter((each) => each.endsWith('*')).map((each) => each.slice(0, -1));
  const submit = (event: Event) => {
    event.preventDefault();
    go(channelHref(name.trim()));
  };
  return (
    <section class="panel" aria-labelledby="of-token">
      <h2 id="of-token">Channels of your token</h2>
      <p class="muted">It gives no right to list them (observe).</p>
      {whole.length > 0 && (
        <ul class="plain">
          {whole.map((each) => (
            <li key={each}>
              <a href={channelHref(each)}>{each}</a>
            </li>
          ))}
        </ul>
      )}
      {beginnings.length > 0 && (
        <form class="toolbar" onSubmit={submit}>
          <label class="inline">
            Name of a channel{' '}
            <input
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              placeholder={beginnings[0] === '' ? '' : `${beginnings[0]}…`}
              value={name}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          </label>
          <button
            type="submit"
            disabled={!beginnings.some((each) => name.trim() !== '' && name.trim().startsWith(each))}
          >
            Open
          </button>
        </form>
      )}
    </section>
  );
}
