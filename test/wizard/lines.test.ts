import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  clean,
  clip,
  clipMiddle,
  fold,
  line,
  plainText,
  span,
  spread,
  textWidth,
  width,
  wrapText,
} from '../../src/wizard/lines.ts';
import { sqlLines } from '../../src/wizard/preview/sql.ts';

const printable = fc.string({ unit: fc.constantFrom(...'abc xyz 0129 ();"\'-$漢字é✓'), maxLength: 300 });

describe('lines', () => {
  test('text from outside cannot move the cursor, ring, or read otherwise than it runs', () => {
    expect(clean('a\u001b[2Jb\u0007')).toBe('a<U+001B>[2Jb<U+0007>');
    expect(clean('user\u202e// nimda')).toBe('user<U+202E>// nimda');
    expect(clean('\tx')).toBe('    x');
  });

  test('wide characters count twice and marks not at all', () => {
    expect(textWidth('漢字')).toBe(4);
    expect(textWidth('e\u0301')).toBe(1);
  });

  test('a clipped line is never wider than asked for', () => {
    fc.assert(
      fc.property(fc.array(printable, { maxLength: 5 }), fc.integer({ min: 1, max: 90 }), (texts, columns) => {
        expect(
          width(
            clip(
              texts.map((text) => span(text)),
              columns,
              '…',
            ),
          ),
        ).toBeLessThanOrEqual(columns);
        expect(
          width(
            spread(
              texts.map((text) => span(text)),
              line('end'),
              columns,
              '…',
            ),
          ),
        ).toBeLessThanOrEqual(columns);
      }),
    );
  });

  test('folding keeps every character, and every row fits', () => {
    fc.assert(
      fc.property(fc.array(printable, { maxLength: 4 }), fc.integer({ min: 4, max: 60 }), (texts, columns) => {
        const of = texts.map((text) => span(text));
        const rows = fold(of, columns, '>');
        for (const row of rows) expect(width(row)).toBeLessThanOrEqual(columns);
        const joined = rows
          .map((row, index) => (index === 0 ? plainText(row) : plainText(row).replace(/^>/, '')))
          .join('');
        expect(joined).toBe(plainText(of));
      }),
    );
  });

  test('wrapped prose fits, and keeps its words', () => {
    fc.assert(
      fc.property(printable, fc.integer({ min: 3, max: 60 }), (text, columns) => {
        const rows = wrapText(text, columns);
        for (const row of rows) expect(textWidth(row)).toBeLessThanOrEqual(columns);
        expect(rows.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
      }),
    );
  });

  test('a long name keeps both its ends', () => {
    expect(clipMiddle('db.abcdefghijklmnopqrst.supabase.co', 20, '…')).toBe('db.abcdefg…pabase.co');
  });
});

describe('SQL in colours', () => {
  test('no character is lost or added', () => {
    const sql = fc.string({ unit: fc.constantFrom(...'select $$ $a$ \'"- /* */ ;\nE1.5 x'), maxLength: 200 });
    fc.assert(
      fc.property(sql, (text) => {
        expect(sqlLines(text).map(plainText).join('\n')).toBe(text);
      }),
    );
  });

  test('keywords, strings, comments and names are told apart, also in the body of a function', () => {
    const tones = (text: string) =>
      sqlLines(text)
        .flat()
        .filter((part) => part.text.trim() !== '')
        .map((part) => [part.text, part.tone]);
    expect(tones("SELECT 'it''s' -- why")).toEqual([
      ['SELECT', 'sql.keyword'],
      ["'it''s'", 'sql.string'],
      ['-- why', 'sql.comment'],
    ]);
    expect(tones('AS $fn$ SELECT "from" $fn$;')).toEqual([
      ['AS', 'sql.keyword'],
      ['$fn$', 'sql.string'],
      ['SELECT', 'sql.keyword'],
      ['"from"', 'sql.name'],
      ['$fn$', 'sql.string'],
      [';', 'text'],
    ]);
    expect(tones('to public.calls c.key')).toEqual([
      ['to', 'sql.keyword'],
      ['public', 'sql.name'],
      ['.', 'text'],
      ['calls', 'sql.name'],
      ['c', 'sql.name'],
      ['.', 'text'],
      ['key', 'sql.name'],
    ]);
    expect(tones('to public')).toEqual([
      ['to', 'sql.keyword'],
      ['public', 'sql.keyword'],
    ]);
  });

  test('an open quote in one function body does not colour what follows it', () => {
    const rows = sqlLines("AS $$ it's $$;\nSELECT 1;");
    expect(rows[1]?.[0]).toEqual({ text: 'SELECT', tone: 'sql.keyword' });
  });
});
