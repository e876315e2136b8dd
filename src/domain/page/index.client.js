const form = document.querySelector('#form')
const answer = document.querySelector('#answer')
const tokenField = document.querySelector('#token-field')

async function call(method, username, body) {
  const headers = {}
  if (body) headers['Content-Type'] = 'application/json'
  if (form.token.value) headers.Authorization = `Bearer ${form.token.value}`
  const response = await fetch(`/hello/${encodeURIComponent(username)}`, {
    method,
    headers,
    body: body && JSON.stringify(body),
  })
  if (response.status === 401) tokenField.hidden = false
  const text = await response.text()
  return { ok: response.ok, answer: text ? JSON.parse(text) : undefined }
}

function show(text, bad = false) {
  answer.textContent = text
  answer.toggleAttribute('data-bad', bad)
}

function explain(problem) {
  const faults = (problem.errors ?? []).map(({ detail }) => detail)
  return [problem.title, ...(faults.length > 0 ? faults : [problem.detail])].join(': ')
}

const steps = {
  save: (username, dateOfBirth) => [
    ['PUT', username, { dateOfBirth }],
    ['GET', username],
  ],
  greet: (username) => [['GET', username]],
  forget: (username) => [['DELETE', username]],
}

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const action = event.submitter?.value ?? 'save'
  const username = form.username.value.trim()
  if (!username) {
    show('Please enter your name.', true)
    form.username.focus()
    return
  }
  try {
    let last
    for (const step of steps[action](username, form.date.value)) {
      last = await call(...step)
      if (!last.ok) return show(explain(last.answer), true)
    }
    show(last.answer?.message ?? `${username} is forgotten.`)
  } catch {
    show('The service cannot be reached. Please try again.', true)
  }
})

const { version } = await (await fetch('/version')).json()
document.querySelector('#release').textContent = `· release ${version.slice(0, 12)}`
