// The numbered records that all programs here write; package main of the
// faults makes and checks the same ones.
const SIZE = 128;
const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
let filler = "";
for (let i = 0; i < 1024; i++) filler += letters[(i * i + 7 * i) % 64];

// records gives count records from number first on, as bytes.
exports.records = function (first, count) {
  let text = "";
  for (let n = first; n < first + count; n++) {
    const at = n % 512;
    text += String(n).padStart(15, "0") + " " + filler.slice(at, at + SIZE - 17) + "\n";
  }
  return Buffer.from(text, "latin1");
};
