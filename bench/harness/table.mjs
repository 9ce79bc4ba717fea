// The results, for the terminal and for RESULTS.md.

/**
 * @typedef {import('./measure.mjs').Row} Row
 *
 * @typedef {object} Result
 * @property {string} name
 * @property {import('./measure.mjs').Scenario} scenario
 * @property {Row[]} rows
 */

/** What a smoke run measures says nothing about targets. @param {Row} row @param {boolean} smoke */
const targetsOf = ({ targets = [] }, smoke) =>
  smoke ? [] : targets.map(({ text, reached }) => `${text}: ${reached ? 'reached' : 'MISSED'}`);

/** @param {Result[]} results @param {boolean} smoke */
export function asText(results, smoke) {
  return results
    .map(({ scenario, rows }) => {
      const width = Math.max(...rows.map(({ contender }) => contender.length));
      const figures = Math.max(...rows.map(({ figure }) => figure.length));
      const lines = rows.map((row) => {
        const { contender, figure, ratio = '' } = row;
        const text = [
          contender.padEnd(width),
          figure.padEnd(figures),
          [ratio, ...targetsOf(row, smoke)].join('; '),
        ];
        return `  ${text.join('  ')}`.trimEnd();
      });
      return `${scenario.title}: ${scenario.work}\n${lines.join('\n')}\n`;
    })
    .join('\n');
}

/** @param {Result[]} results @param {[string, string][]} facts */
export function asMarkdown(results, facts) {
  const lines = [
    '# Results',
    '',
    'Written by `npm run bench`; how each figure is measured is in [README.md](README.md), what the time goes to in',
    '[NOTES.md](NOTES.md). Medians of the rounds; a ratio is the median of the ratios of each round. Absolute figures',
    'are those of this machine, with servers, Redis and load all on it.',
    '',
    '| | |',
    '| --- | --- |',
    ...facts.map(([name, value]) => `| ${name} | ${value} |`),
    '',
    '| scenario | contender | figure | ratio | target |',
    '| --- | --- | --- | --- | --- |',
  ];
  for (const { scenario, rows } of results) {
    for (const [index, row] of rows.entries()) {
      const targets = targetsOf(row, false).map((text) => text.replace('MISSED', '**missed**'));
      const cells = [
        index === 0 ? scenario.title : '',
        row.contender,
        row.figure,
        row.ratio ?? '',
        targets.join('<br>'),
      ];
      lines.push(`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`);
    }
  }
  lines.push('', ...results.map(({ scenario }) => `- **${scenario.title}**: ${scenario.work}.`), '');
  return lines.join('\n');
}
