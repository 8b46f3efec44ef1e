/* line - one connection to the gateway: a socket, and what its monitor says of it. */
import { setImmediate } from "node:timers/promises";
import { curveKeyPair, Dealer } from "zeromq";

const FRAME_MAX = 65 << 20; // no engine may set payload_max higher than 64 MiB
const BATCH = 64; // frames, before others have their turn
const PROBE_AFTER_S = 15, PROBE_EVERY_S = 5, PROBES_MAX = 3; // of the gateway's host

/** @typedef {{ url: string, serverKey?: string, password?: string, queue: number }} Where */
/** What it tells, until it is closed. @typedef {{ connected(): void, denied(): void,
 *   broken(why: string): void, heard(frame: Buffer | undefined): void }} Listener */

export class Line {
  #socket;
  #listener;
  #closed = false;

  /** Throws if the address or the key makes no sense.
   *  @param {Where} where @param {Listener} listener */
  constructor(where, listener) {
    this.#listener = listener;
    const socket = this.#socket = new Dealer({
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
      this.#watch();
      socket.connect(where.url);
    } catch (error) {
      this.close(0);
      throw error;
    }
    void this.#read();
  }

  /** Waits for room; never two at a time.  If the line is closed or breaks meanwhile, it
   *  was said to nobody. @param {Uint8Array} frame */
  async send(frame) {
    try {
      await this.#socket.send(frame);
    } catch (error) {
      this.#failed(error);
    }
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

  #watch() {
    const events = this.#socket.events, listener = this.#listener;
    const unlessClosed = (/** @type {() => void} */ then) => () => this.#closed || then();
    const broken = unlessClosed(() => listener.broken("connection"));
    events.on("handshake", unlessClosed(() => listener.connected()));
    events.on("handshake:error:auth", unlessClosed(() => listener.denied()));
    events.on("handshake:error:protocol", broken);
    events.on("handshake:error:other", broken);
    events.on("close", broken);
    events.on("disconnect", broken);
  }

  async #read() {
    for (let n = 1; !this.#closed; n++) {
      const frames = await this.#socket.receive().catch((error) => this.#failed(error));
      if (frames && !this.#closed)
        this.#listener.heard(frames.length === 1 ? frames[0] : undefined);
      if (n % BATCH === 0)
        await setImmediate();
    }
  }

  /** @param {unknown} error - of sending or receiving */
  #failed(error) {
    if (!this.#closed)
      this.#listener.broken(/** @type {Error} */ (error).message);
  }
}
