/** What a log line looks like when everything that differs from line to line is folded, so that lines of one kind count as one. */

/** A shape is for reading, not for the record. */
const LONGEST = 160;

/** `sshd[811]: Failed for bob from 203.0.113.7 port 22` as `sshd[#]: Failed for bob from <ip> port #`. */
export function shapeOf(text: string): string {
  return text
    .slice(0, 2 * LONGEST)
    .replace(/(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\w)|(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])/g, '<ip>')
    .replace(/\b(?=[0-9A-Fa-f]*\d)(?=[0-9A-Fa-f]*[A-Fa-f])[0-9A-Fa-f]{8,}\b/g, '<hex>')
    .replace(/\d+/g, '#')
    .slice(0, LONGEST);
}
