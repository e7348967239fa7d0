// The configuration of a start: checked once, with errors that name the key.

const DEFAULTS = { windowSeconds: 30, smoothingSeconds: 5, time: '/at', carry: [] };

// readSettings fills in defaults. `figures` undefined means every number of a
// record.
export function readSettings(config = {}) {
  const known = [...Object.keys(DEFAULTS), 'figures'];
  for (const key of Object.keys(config)) {
    if (!known.includes(key)) throw new TypeError(`config.${key} is unknown; known are ${known.join(', ')}`);
  }
  const settings = { ...DEFAULTS, ...config };
  for (const key of ['windowSeconds', 'smoothingSeconds']) {
    if (!(settings[key] > 0)) throw new TypeError(`config.${key} must be a number above 0`);
  }
  for (const pointer of [settings.time, ...settings.carry, ...(settings.figures ?? [])]) {
    if (!/^(\/[^/]+)+$/.test(pointer)) throw new TypeError(`"${pointer}" is no JSON Pointer such as "/cpu/busy"`);
  }
  return settings;
}
