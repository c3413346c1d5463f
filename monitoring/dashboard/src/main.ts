import './styles/app.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { logIn, session, takeFragment } from './api/session.svelte';
import { router } from './router.svelte';

/** A link that is opened where the dashboard is already shown changes nothing but the fragment. */
function enter(): void {
  const { code, token } = takeFragment(location, history);
  if (token) session.use(token);
  if (code) void logIn(code);
}

enter();
addEventListener('hashchange', enter);
session.follow();
router.start();
const target = document.getElementById('app');
if (target) mount(App, { target });
