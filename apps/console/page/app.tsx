import { useEffect, useRef } from 'preact/hooks';
import { Mark } from './parts/mark.js';
import { Notices } from './parts/notices.js';
import { concerns } from './state/attention.js';
import { isConnected } from './state/connection.js';
import { server, watchServer } from './state/figures.js';
import { href, route } from './state/route.js';
import { rights, secret, signOut } from './state/session.js';
import { survey } from './state/survey.js';
import { Channel } from './views/channel.js';
import { Channels } from './views/channels.js';
import { Consumers } from './views/consumers.js';
import { Overview } from './views/overview.js';
import { SignIn } from './views/sign-in.js';

/** The page: who is not signed in may do so; whoever is sees what the address says. */
export function App() {
  return secret.value === undefined ? <SignIn /> : <SignedIn key={secret.value} />;
}

function SignedIn() {
  useEffect(() => {
    const stopWatching = watchServer();
    const stopSurvey = survey();
    return () => {
      stopWatching();
      stopSurvey();
    };
  }, []);
  const { parts } = route.value;
  const place = parts.join('/');
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  useEffect(() => {
    const heading = main.current?.querySelector('h1');
    document.title = `${heading?.textContent ?? 'Overview'} · Ganomede Events`;
    if (!isFirst.current) heading?.focus();
    isFirst.current = false;
  }, [place]);
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <Header />
      {!isConnected.value && (
        <div class="banner" role="alert">
          The server does not answer. Trying again …
        </div>
      )}
      <main ref={main} id="main" tabIndex={-1}>
        <View />
      </main>
      <Notices />
    </>
  );
}

function View() {
  const [area, channel, ...rest] = route.value.parts;
  if (area === 'channels' && channel !== undefined)
    return <Channel key={channel} channel={channel} parts={rest} />;
  if (area === 'channels') return <Channels />;
  if (area === 'consumers' && rights.value.may('observe')) return <Consumers />;
  return <Overview />;
}

const AREAS = [
  { area: '', name: 'Overview' },
  { area: 'channels', name: 'Channels' },
  { area: 'consumers', name: 'Consumers' },
];

function Header() {
  const current = route.value.parts[0] ?? '';
  const troubles = concerns.value.length;
  const areas = AREAS.filter(({ area }) => area !== 'consumers' || rights.value.may('observe'));
  return (
    <header class="top">
      <span class="brand">
        <Mark />
        <span class="name">Ganomede Events</span>
      </span>
      <nav aria-label="Areas">
        {areas.map(({ area, name }) => (
          <a
            key={area}
            href={href(area === '' ? [] : [area])}
            aria-current={area === current ? 'page' : undefined}
          >
            {name}
            {area === '' && troubles > 0 && (
              <span class="badge" title={`${troubles} to look at`}>
                {troubles}
              </span>
            )}
          </a>
        ))}
      </nav>
      <span class="where">
        <span class={`dot ${isConnected.value ? 'good' : 'bad'}`} />
        <span class="version">{isConnected.value ? (server.value?.version ?? '') : 'away'}</span>
      </span>
      <button type="button" class="quiet" onClick={() => signOut()}>
        Sign out
      </button>
    </header>
  );
}
