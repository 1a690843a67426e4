/* The text chunks of a PNG in which facegen says how it was made, and that it is synthetic
   (facegen/io/provenance.py). */

const PROVENANCE = "facegen";
const XMP = "XML:com.adobe.xmp";
const HEADER = 8 + 25; // the signature and IHDR, which come first

const CRCS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function checksum(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRCS[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** A PNG, as a Blob, that says how it was made and has the XMP. */
export function stamped(png, provenance, xmp) {
  const chunks = [textChunk(XMP, xmp), textChunk(PROVENANCE, JSON.stringify(provenance))];
  return new Blob([png.slice(0, HEADER), ...chunks, png.slice(HEADER)], { type: "image/png" });
}

function textChunk(keyword, said) {
  // Behind the keyword: its end, that it isn't compressed (two bytes), no language, no translation.
  const text = new TextEncoder().encode(`iTXt${keyword}\0\0\0\0\0${said}`);
  const chunk = new Uint8Array(4 + text.length + 4);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, text.length - 4);
  chunk.set(text, 4);
  view.setUint32(4 + text.length, checksum(text));
  return chunk;
}
