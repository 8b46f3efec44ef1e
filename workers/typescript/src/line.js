/* line - one connection to the gateway: a socket, and what its monitor says of it. */
import { setImmediate } from "node:timers/promises";
import { Context, curveKeyPair, Dealer } from "zeromq";

const FRAME_MAX = 65 << 20; // no engine may set payload_max higher than 64 MiB
const BATCH = 64; // frames, before others have their turn
const PROBE_AFTER_S = 15, PROBE_EVERY_S = 5, PROBES_MAX = 3; // of the gateway's host

/** @typedef {{ url: string, serverKey?: string, password?: string, queue: number }} Where */
/** What it tells, until it is closed. @typedef {{ connected(): void, denied(): void,
 *   broken(why: string): void, heard(frame: Buffer | undefined): void }} Listener */

/** For `linger` at the end of the process. */
const context = new Context();

export class Line {
  #socket;
  #closed = false;

  /** Throws if the address or the key makes no sense.
   *  @param {Where} where @param {Listener} listener */
  constructor(where, listener) {
    const socket = this.#socket = new Dealer({
      context,
      linger: 0,
      immediate: true, // what is written before there is a connection is lost with it
      reconnectInterval: -1,
      sendHighWaterMark: where.queue,
      receiveHighWaterMark: where.queue,
      maxMessageSize: FRAME_MAX,
      tcpKeepalive: 1,
      tcpKeepaliveIdle: PROBE_AFTER_S,
      tcpKeepaliveInterval: PROBE_EVERY_S,
      tcpKeepaliveCount: PROBES_MAX,
      ipv6: where.url.includes("["),
    });
    try {
      this.#secure(where);
      this.#watch(listener);
      socket.connect(where.url);
    } catch (error) {
      this.close(0);
      throw error;
    }
    void this.#read(listener);
  }

  /** Rejects when it is closed meanwhile. Never two at a time. @param {Uint8Array} frame */
  send(frame) {
    return this.#socket.send(frame);
  }

  /** @param {number} lingerMs - for what was sent to leave */
  close(lingerMs) {
    this.#closed = true;
    this.#socket.linger = lingerMs;
    this.#socket.close();
  }

  /** @param {Where} where */
  #secure({ serverKey, password }) {
    if (serverKey !== undefined) {
      const { publicKey, secretKey } = curveKeyPair();
      this.#socket.curvePublicKey = publicKey;
      this.#socket.curveSecretKey = secretKey;
      this.#socket.curveServerKey = serverKey;
    } else if (password !== undefined) {
      this.#socket.plainUsername = "worker";
      this.#socket.plainPassword = password;
    }
  }

  /** @param {Listener} listener */
  #watch(listener) {
    const events = this.#socket.events;
    const unlessClosed = (/** @type {() => void} */ then) => () => this.#closed || then();
    const broken = unlessClosed(() => listener.broken("connection"));
    events.on("handshake", unlessClosed(() => listener.connected()));
    events.on("handshake:error:auth", unlessClosed(() => listener.denied()));
    events.on("handshake:error:protocol", broken);
    events.on("handshake:error:other", broken);
    events.on("close", broken);
    events.on("disconnect", broken);
  }

  /** @param {Listener} listener */
  async #read(listener) {
    try {
      for (let n = 1; !this.#closed; n++) {
        const [frame, ...more] = await this.#socket.receive();
        if (!this.#closed)
          listener.heard(more.length === 0 ? frame : undefined);
        if (n % BATCH === 0)
          await setImmediate();
      }
    } catch (error) {
      if (!this.#closed)
        listener.broken(/** @type {Error} */ (error).message);
    }
  }
}
