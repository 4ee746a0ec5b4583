// Counts tokens with a published tokenizer: reads a line of JSON, an object of texts by name, and
// writes one of numbers by the same names.
import { createInterface } from "node:readline";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";

for await (const line of createInterface({ input: process.stdin })) {
  const texts = Object.entries(JSON.parse(line));
  const counts = texts.map(([name, text]) => [name, countTokens(text)]);
  console.log(JSON.stringify(Object.fromEntries(counts)));
}
