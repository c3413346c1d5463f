import nounsanitized from 'eslint-plugin-no-unsanitized';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';

// Names, keys and messages come from users' programs: nothing may put text into a page except as text.
const asTextOnly = {
  'no-eval': 'error',
  'no-implied-eval': 'error',
  'no-new-func': 'error',
  'no-script-url': 'error',
  'no-restricted-properties': [
    'error',
    ...['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'srcdoc'].map((property) => ({ property, message: 'use textContent' })),
  ],
};

export default ts.config(
  { ignores: ['dist/', 'node_modules/', 'src/api/schema.d.ts'] },
  ...ts.configs.recommended,
  ...svelte.configs.recommended,
  nounsanitized.configs.recommended,
  { languageOptions: { globals: { ...globals.browser, ...globals.node } }, rules: asTextOnly },
  // Its comments on a rule are for svelte-check; URL and URLSearchParams are values here, never state.
  { rules: { 'svelte/no-unused-svelte-ignore': 'off', 'svelte/prefer-svelte-reactivity': 'off', 'svelte/no-navigation-without-resolve': 'off' } },
  { files: ['**/*.svelte', '**/*.svelte.ts'], languageOptions: { parserOptions: { parser: ts.parser } } },
  { files: ['**/*.svelte'], rules: { 'svelte/no-at-html-tags': 'error' } },
);
