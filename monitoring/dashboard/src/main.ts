import './styles/app.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { logIn, session, takeFragment } from './api/session.svelte';
import { router } from './router.svelte';

const { code, token } = takeFragment(location, history);
session.follow();
router.start();
if (token) session.use(token);
const target = document.getElementById('app');
if (target) {
  mount(App, { target, props: { loggingIn: code ? logIn(code) : null } });
}
