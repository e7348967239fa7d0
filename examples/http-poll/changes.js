// changes are the keys of two objects whose values are not the same.
export function* changes(before, after) {
  for (const [key, value] of Object.entries(after)) {
    if (!Object.hasOwn(before, key)) yield { change: 'added', key, value };
    else if (!same(before[key], value)) yield { change: 'changed', key, value, before: before[key] };
  }
  for (const [key, value] of Object.entries(before)) {
    if (!Object.hasOwn(after, key)) yield { change: 'removed', key, before: value };
  }
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
