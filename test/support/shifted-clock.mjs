// A preload for processes on a machine with a wrong clock: NODE_OPTIONS='--import FILE', SHIFT_CLOCK_MS=MILLISECONDS.

const shiftMs = Number(process.env.SHIFT_CLOCK_MS);
const RealDate = Date;

globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + shiftMs);
    else super(...args);
  }

  static now() {
    return RealDate.now() + shiftMs;
  }
};
