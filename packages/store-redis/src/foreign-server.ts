import { connect, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** How long a server may take to say something, milliseconds. */
const ANSWER_MS = 1_000;
const PING = '*1\r\n$4\r\nPING\r\n';
/** What a Redis answers to that. */
const REPLY = /^[-+]/;

/** Where a server is that should have been a Redis. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** What answers there, in words; undefined if it may well be a Redis, or nobody listens. */
export async function foreignServer(address: ServerAddress): Promise<string | undefined> {
  const { connected, bytes, ended } = await greet(address);
  if (!connected && address.tls) {
    const plain = await greet({ ...address, tls: false });
    return REPLY.test(plain.bytes.toString('latin1'))
      ? 'one that does not speak TLS: redis:// instead of rediss://'
      : undefined;
  }
  if (!connected) return undefined;
  const text = bytes.toString('latin1');
  if (/^HTTP\/|^<(!doctype )?html/i.test(text)) return 'a web server';
  if (text.startsWith('SSH-')) return 'an SSH server';
  // An alert.
  if (bytes[0] === 0x15 && bytes[1] === 0x03)
    return 'a server that speaks TLS: rediss:// instead of redis://';
  if (REPLY.test(text)) return undefined;
  if (text !== '') return `a server that answers ${JSON.stringify(text.slice(0, 40))}`;
  return ended ? 'a server that hangs up without an answer' : 'a server that does not answer';
}

interface Greeting {
  readonly connected: boolean;
  /** The first that it says. */
  readonly bytes: Buffer;
  /** Whether it has hung up instead. */
  readonly ended: boolean;
}

/** Says what a client of Redis says, and listens. */
function greet({ host, port, tls }: ServerAddress): Promise<Greeting> {
  return new Promise((resolve) => {
    let connected = false;
    const socket = tls
      ? connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }) })
      : connect({ host, port });
    const done = (bytes: Buffer, ended: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ connected, bytes, ended });
    };
    const nothing = Buffer.alloc(0);
    const timer = setTimeout(() => done(nothing, false), ANSWER_MS);
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      connected = true;
      socket.write(PING);
    });
    socket.once('data', (bytes) => done(bytes, false));
    socket.once('end', () => done(nothing, true));
    socket.once('error', () => done(nothing, true));
  });
}
