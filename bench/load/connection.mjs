// The least that a client of HTTP/1.1 has to do: one request at a time on one kept-alive connection.
import { connect } from 'node:net';

const HEADERS_END = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);
const CHUNKS_END = Buffer.from('0\r\n\r\n');

/** @typedef {{ status: number, head: string, body: Buffer }} Answer */

export class Connection {
  #socket;
  /** @type {Buffer} */
  #received = EMPTY;
  /** Where the answer ends in what is received; 0 where that is not known yet, -1 where it is chunked. */
  #end = 0;
  #bodyStart = 0;
  #status = 0;
  #head = '';
  /** @type {((answer: Answer) => void) | undefined} */
  #onAnswer;
  #onError;
  #closed = false;

  /** @param {number} port @param {(error: Error) => void} onError  when it breaks, other than by `close` */
  constructor(port, onError) {
    this.#onError = onError;
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (data) => this.#take(data));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('The server has closed a connection')));
  }

  /** Resolves once it is open, or broken. @returns {Promise<void>} */
  opened() {
    return new Promise((resolve) => {
      if (!this.#socket.connecting) return resolve();
      this.#socket.once('connect', resolve).once('close', () => resolve());
    });
  }

  /** Sends a whole request. The one before it must have been answered. @param {string | Buffer} request @param {(answer: Answer) => void} onAnswer */
  send(request, onAnswer) {
    this.#onAnswer = onAnswer;
    this.#socket.write(request);
  }

  /** @param {string | Buffer} request @returns {Promise<Answer>} */
  request(request) {
    return new Promise((resolve) => this.send(request, resolve));
  }

  close() {
    this.#closed = true;
    this.#socket.destroy();
  }

  /** @param {Error} error */
  #fail(error) {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    this.#onError(error);
  }

  /** @param {Buffer} data */
  #take(data) {
    this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data]);
    if (this.#end === 0) {
      const at = this.#received.indexOf(HEADERS_END);
      if (at < 0) return;
      this.#head = this.#received.toString('latin1', 0, at);
      this.#status = Number(this.#head.slice(9, 12));
      this.#bodyStart = at + 4;
      const length = /\r\ncontent-length: *(\d+)/i.exec(this.#head);
      if (length) this.#end = this.#bodyStart + Number(length[1]);
      else if (/\r\ntransfer-encoding: *chunked/i.test(this.#head)) this.#end = -1;
      else this.#end = this.#bodyStart;
    }
    if (this.#end === -1) {
      const tail = this.#received.subarray(-CHUNKS_END.length);
      if (!tail.equals(CHUNKS_END)) return;
      this.#end = this.#received.length;
    }
    if (this.#received.length < this.#end) return;
    const body = this.#received.subarray(this.#bodyStart, this.#end);
    this.#received = EMPTY;
    this.#end = 0;
    const onAnswer = this.#onAnswer;
    this.#onAnswer = undefined;
    onAnswer?.({ status: this.#status, head: this.#head, body });
  }
}
