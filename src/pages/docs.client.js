const dark = matchMedia('(prefers-color-scheme: dark)')
const paint = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', paint)
paint()

/** Swagger UI without what keeps it from those who do not see it: links inside buttons, missing labels and landmarks. */
const accessible = () => ({
  wrapComponents: {
    DeepLink: replaced((h, _, { text }) => h('span', null, text)),
    ExamplesSelect: replaced((h, Select, props) => h('label', null, 'Example', h(Select, props))),
    InfoContainer: replaced((h, Info, props) =>
      h('section', { 'aria-label': 'About' }, h(Info, props)),
    ),
    TextArea: replaced((h, Area, props) => h(Area, { 'aria-label': 'Request body', ...props })),
    operations: replaced((h, Operations, props) => [
      h('h2', { key: 'title' }, 'Operations'),
      h(Operations, { key: 'operations', ...props }),
    ]),
  },
})

function replaced(render) {
  return (Original, { React }) =>
    (props) =>
      render(React.createElement, Original, props)
}

SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  defaultModelsExpandDepth: 1,
  docExpansion: 'list',
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [accessible],
  syntaxHighlight: { theme: 'monokai' },
  validatorUrl: null,
})
