/** An unquoted scalar's value by YAML 1.2's core schema. Integers that a number cannot hold exactly are bigint. */
export function coreScalar(text: string): null | boolean | number | bigint | string {
  if (text === '' || /^(?:~|null|Null|NULL)$/.test(text)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  if (text.length > 400) return text;
  if (/^(?:[-+]?\d+|0o[0-7]+|0x[\dA-Fa-f]+)$/.test(text)) return integer(text);
  if (/^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(text)) return Number(text);
  if (/^[-+]?\.(?:inf|Inf|INF)$/.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return /^\.(?:nan|NaN|NAN)$/.test(text) ? Number.NaN : text;
}

function integer(text: string): number | bigint {
  const negative = text.startsWith('-');
  const digits = BigInt(text.replace(/^[-+]/, ''));
  const value = negative ? -digits : digits;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
