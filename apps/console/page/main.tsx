import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './style.css';
import { App } from './app.js';
import { takeSecretFromAddress } from './state/session.js';

takeSecretFromAddress();
render(<App />, document.getElementById('app') as HTMLElement);
