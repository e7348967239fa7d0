// CSV as RFC 4180 has it: fields may stand in quotes, and then hold separators,
// new lines and doubled quotes.

// rows takes text in pieces that may be cut anywhere, even within a field, so it
// goes character by character and keeps what it is in the middle of.
export async function* rows(pieces, separator = ',') {
  let row = [];
  let field = '';
  let quoted = false; // within quotes
  let quote = false; // after a quote within quotes: the end of the field, or the first of two
  let begun = false; // something of this row has been seen

  for await (const piece of pieces) {
    for (const c of piece) {
      if (quote) {
        quote = false;
        if (c === '"') {
          field += c;
          continue;
        }
        quoted = false;
      }
      if (quoted) {
        if (c === '"') quote = true;
        else field += c;
      } else if (c === '"' && field === '') {
        quoted = begun = true;
      } else if (c === separator) {
        row.push(field);
        field = '';
        begun = true;
      } else if (c === '\n') {
        if (begun) yield [...row, field];
        row = [];
        field = '';
        begun = false;
      } else if (c !== '\r') {
        field += c;
        begun = true;
      }
    }
  }
  if (begun) yield [...row, field]; // the last line may lack its end
}
