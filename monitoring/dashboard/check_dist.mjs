// Says whether dist/ is what the sources build: it is committed, so that a build of Troupe needs no Node.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const files = (folder) => readdirSync(folder, { recursive: true }).map(String).filter((name) => statSync(join(folder, name)).isFile()).sort();
const fresh = mkdtempSync(join(tmpdir(), 'troupe-dashboard.'));
try {
  const built = spawnSync('npx', ['vite', 'build', '--outDir', fresh, '--emptyOutDir', '--logLevel', 'error'], { stdio: 'inherit' });
  if (built.status !== 0) process.exit(1);
  const names = [...new Set([...files('dist'), ...files(fresh)])].sort();
  const differ = names.filter((name) => {
    const [kept, made] = ['dist', fresh].map((folder) => files(folder).includes(name) && readFileSync(join(folder, name)));
    return !kept || !made || !kept.equals(made);
  });
  for (const name of differ) console.error(`dist/${name} is not what the sources build: run npm run build, and commit dist/`);
  process.exitCode = differ.length > 0 ? 1 : 0;
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
