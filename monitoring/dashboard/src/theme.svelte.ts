/** Dark or light: as the system says, until somebody chooses. */

type Choice = 'system' | 'light' | 'dark';
const storageKey = 'troupe.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

class Theme {
  choice = $state<Choice>(read());
  systemDark = $state(system.matches);

  constructor() {
    system.addEventListener('change', (event) => (this.systemDark = event.matches));
    this.apply();
  }

  get dark(): boolean {
    return this.choice === 'system' ? this.systemDark : this.choice === 'dark';
  }

  choose(choice: Choice): void {
    this.choice = choice;
    try {
      if (choice === 'system') localStorage.removeItem(storageKey);
      else localStorage.setItem(storageKey, choice);
    } catch {
      // Then it holds as long as the page.
    }
    this.apply();
  }

  private apply(): void {
    if (this.choice === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.choice;
  }
}

function read(): Choice {
  try {
    const kept = localStorage.getItem(storageKey);
    return kept === 'light' || kept === 'dark' ? kept : 'system';
  } catch {
    return 'system';
  }
}

export const theme = new Theme();
