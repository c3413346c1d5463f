import { readFileSync } from 'node:fs';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { type Plugin, defineConfig } from 'vite';
import { plots } from './src/plot_names.ts';

/**
 * What is built has names without hashes, since the binary that it is compiled into is its version, and addresses relative to the page, so that a
 * proxy may put any prefix before it. Pages below /info/ lie two deep: they get a copy whose addresses go two up.
 */
function pagesAndPlots(): Plugin {
  return {
    name: 'troupe-pages',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const page = bundle['index.html'];
      if (page?.type !== 'asset') throw new Error('there is no index.html');
      const source = String(page.source);
      this.emitFile({ type: 'asset', fileName: 'info.html', source: source.replaceAll('"./', '"../../') });
      const list = Object.fromEntries(plots.map((plot) => [plot.title, `/individual-${plot.name}`]));
      this.emitFile({ type: 'asset', fileName: 'individual-plots.json', source: `${JSON.stringify(list, null, 1)}\n` });
    },
  };
}

const license = (name: string) => (JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')) as { version: string; license: string });
const notice = ['svelte', 'uplot', '@dagrejs/dagre'].map((name) => `${name} ${license(name).version} (${license(name).license})`).join(', ');

export default defineConfig({
  base: './',
  plugins: [svelte(), pagesAndPlots()],
  build: {
    outDir: 'dist',
    target: 'es2022',
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rollupOptions: {
      output: {
        banner: `/* Troupe's dashboard. Contains ${notice}. */`,
        entryFileNames: 'assets/app.js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: (asset) => (asset.names.some((name) => name.endsWith('.css')) ? 'assets/app.css' : 'assets/[name][extname]'),
      },
    },
  },
  worker: { format: 'es', rollupOptions: { output: { entryFileNames: 'assets/[name].js' } } },
  server: { proxy: { '/api': 'http://127.0.0.1:8787', '/json': 'http://127.0.0.1:8787' } },
});
