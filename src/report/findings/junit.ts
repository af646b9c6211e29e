import { type GuardFinding, type NotLookedAt, placeText } from '../../rollout/guard-finding.ts';
import { harmless } from '../terminal.ts';

export type Part = 'code' | 'database';

/**
 * Findings as JUnit XML, which every CI shows: one suite for the code and one for the database, a failed test for each
 * finding, an error for what could not be looked at, and a passed test where a part has neither.
 */
export function junitReport(
  parts: readonly Part[],
  findings: readonly GuardFinding[],
  notLookedAt: readonly (NotLookedAt & { readonly part: Part })[],
): string {
  const suites = parts.map((part) => {
    const own = findings.filter((one) => one.part === part);
    const failures = own.filter((one) => one.level !== 'note');
    const errors = notLookedAt.filter((one) => one.part === part);
    const cases = [
      ...failures.map(
        (one) =>
          `    <testcase classname=${attribute(one.kind)} name=${attribute(`${placeText(one.place)} ${one.id}`)}>
      <failure type=${attribute(one.kind)} message=${attribute(one.reason)}>${text(`${one.reason}\n${one.instruction}`)}</failure>
    </testcase>`,
      ),
      ...errors.map(
        (one) =>
          `    <testcase classname=${attribute(part)} name=${attribute(one.what)}>
      <error type="not checked" message=${attribute(one.reason)}/>
    </testcase>`,
      ),
    ];
    if (cases.length === 0)
      cases.push(`    <testcase classname=${attribute(part)} name=${attribute(`no new finding in the ${part}`)}/>`);
    return `  <testsuite name=${attribute(`voxanne-rollout guard: ${part}`)} tests="${cases.length}" failures="${failures.length}" errors="${errors.length}">\n${cases.join('\n')}\n  </testsuite>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('\n')}\n</testsuites>`;
}

/** Names come from a database and from files of others; XML has no way to write a control character at all. */
const text = (value: string): string =>
  harmless(value)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    // A half of a surrogate pair, or one of the two code points that XML excludes.
    .replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]|[\uFFFE\uFFFF]/g, '\uFFFD');

const attribute = (value: string): string =>
  `"${text(value).replaceAll('"', '&quot;').replaceAll('\n', '&#10;').replaceAll('\t', '&#9;')}"`;
