// Gathers ten records into one. It saves what it has gathered at other times
// than it gives, so that a saved state has a window half full.
module.exports = async function* (input) {
  let { next, of } = this.load() || { next: 0, of: [] };
  let unsaved = 0;
  for await (const record of input) {
    of.push([record.p, record.w]);
    if (of.length === 10) {
      yield { window: next++, of };
      of = [];
    }
    if (++unsaved === 37) {
      await this.save({ next, of });
      unsaved = 0;
    }
  }
};
