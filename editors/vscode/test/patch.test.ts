import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyHunks, type FilePatch, parsePatch, PatchError, splitLines } from '../src/patch';
import { parseReview, sessionOfReview } from '../src/review';

const REPORT = 'Airlock: a repair of test_a.py::test_a\n\nWith `-` for `+` it passes\n\nverdict  verified\nsession  bado-kema\n\n';

function only(text: string): FilePatch {
  const [file, ...others] = parsePatch(text);
  assert.deepEqual(others, []);
  assert.ok(file);
  return file;
}

/** A diff of one file. */
function diff(hunks: string, name = 'a.py'): string {
  return `diff --git a/${name} b/${name}\n--- a/${name}\n+++ b/${name}\n${hunks}`;
}

test('a review is read and its change is put on the text', () => {
  const review = parseReview('bado-kema', REPORT + diff('@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n'));
  assert.equal(review.verdict, 'verified');
  const file = review.files[0];
  assert.equal(file?.before, 'a.py');
  assert.equal(applyHunks('one\ntwo\nthree\nfour\n', file?.hunks ?? []), 'one\n2\nthree\nfour\n');
});

test('several files and several hunks, insertions and removals', () => {
  const files = parsePatch(
    diff('@@ -1 +1,2 @@\n+zero\n one\n@@ -4,2 +5 @@\n four\n-five\n')
      + 'diff --git a/b.py b/b.py\nold mode 100644\nnew mode 100755\n'
      + diff('@@ -0,0 +1 @@\n+new\n', 'c.py').replace('--- a/c.py', '--- /dev/null'),
  );
  assert.deepEqual(files.map(({ before, after }) => [before, after]), [
    ['a.py', 'a.py'],
    [undefined, undefined],
    [undefined, 'c.py'],
  ]);
  assert.equal(applyHunks('one\ntwo\nthree\nfour\nfive\n', files[0]?.hunks ?? []), 'zero\none\ntwo\nthree\nfour\n');
  assert.equal(applyHunks('', files[2]?.hunks ?? []), 'new\n');
});

test('a line that looks like a header is a line of its hunk', () => {
  const file = only(diff('@@ -1,2 +1,2 @@\n--- a/x\n+++ b/x\n @@ -1 +1 @@\n'));
  assert.equal(applyHunks('-- a/x\n@@ -1 +1 @@\n', file.hunks), '++ b/x\n@@ -1 +1 @@\n');
});

test('endings are content, and the last line may have none', () => {
  const bare = '\\ No newline at end of file\n';
  const file = only(diff(`@@ -1,2 +1,2 @@\n one\r\n-two\n${bare}+2\r\n`));
  assert.equal(applyHunks('one\r\ntwo', file.hunks), 'one\r\n2\r\n');
  const taken = only(diff(`@@ -1 +1 @@\n-two\n+2\n${bare}`));
  assert.equal(applyHunks('two\n', taken.hunks), '2');
  assert.throws(() => applyHunks('two\r\n', taken.hunks), PatchError);
});

test('a mark at the beginning, which an editor hides, is no difference', () => {
  const file = only(diff('@@ -1,2 +1,2 @@\n-\ufeffone\n+\ufeff1\n two\n'));
  assert.equal(applyHunks('one\ntwo\n', file.hunks), '1\ntwo\n');
});

test('names with blanks, quotes and letters of any script', () => {
  assert.equal(only(diff('@@ -1 +1 @@\n-a\n+b\n', 'my file.py').replaceAll('.py\n', '.py\t\n')).before, 'my file.py');
  const quoted = 'diff --git "a/\\303\\244\\"\\t.py" "b/x"\n--- "a/\\303\\244\\"\\t.py"\n+++ "b/\\303\\244\\"\\t.py"\n';
  assert.equal(only(`${quoted}@@ -1 +1 @@\n-a\n+b\n`).after, 'ä"\t.py');
});

test('a text that is not the one that was checked is refused', () => {
  const file = only(diff('@@ -2,2 +2,2 @@\n two\n-three\n+3\n'));
  assert.equal(applyHunks('one\ntwo\nthree\n', file.hunks), 'one\ntwo\n3\n');
  for (const other of ['one\ntwo\n', 'one\ntwo\nthree', 'zero\none\ntwo\nthree\n', '']) {
    assert.throws(() => applyHunks(other, file.hunks), PatchError, other);
  }
});

test('what is no diff has no files, and a broken one is told', () => {
  assert.deepEqual(parsePatch(REPORT), []);
  for (const broken of ['@@ -1,9 +1,9 @@\n one\n', '@@ nothing @@\n one\n', '@@ -1 +1,2 @@\n-a\n-b\n+c\n+d\n']) {
    assert.throws(() => parsePatch(diff(broken)), PatchError, broken);
  }
  assert.throws(() => parsePatch('diff --git a/a b/a\n@@ -1 +1 @@\n-a\n+b\n'), PatchError);
});

test('lines keep their endings', () => {
  assert.deepEqual(splitLines('a\r\n\nb'), ['a\r\n', '\n', 'b']);
  assert.deepEqual(splitLines(''), []);
});

test('a review is known by its path', () => {
  assert.equal(sessionOfReview('/home/me/.local/state/airlock/reviews/bado-kema.diff'), 'bado-kema');
  assert.equal(sessionOfReview('C:\\state\\airlock\\reviews\\bado.diff'), 'bado');
  for (const other of ['/home/me/reviews/bado.diff', '/x/airlock/reviews/bado.txt', '/x/airlock/reviews/a/b.diff']) {
    assert.equal(sessionOfReview(other), undefined);
  }
});
