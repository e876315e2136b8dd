const form = document.querySelector('#form')
const answer = document.querySelector('#answer')
const tokenField = document.querySelector('#token-field')
const { username, date, token } = form

/** By problem type: the field to mend, and what to do, for somebody who has never heard of HTTP. */
const words = {
  'invalid-username': [username, 'A name has 1 to 64 letters: no spaces, digits or signs.'],
  'invalid-birthday': [date, 'Please enter a day before today.'],
  'unknown-user': [username, 'This name is not known here. Save a date of birth for it first.'],
  unauthorized: [token, 'Please enter a valid access token.'],
  forbidden: [token, 'With this access token you can be greeted, but nothing can be changed.'],
  'store-unavailable': [undefined, 'Birthdays cannot be reached just now. Please try again.'],
}

async function call(method, body) {
  const headers = {}
  if (body) headers['Content-Type'] = 'application/json'
  if (token.value) headers.Authorization = `Bearer ${token.value}`
  const response = await fetch(`/hello/${encodeURIComponent(username.value.trim())}`, {
    method,
    headers,
    body: body && JSON.stringify(body),
  })
  const text = await response.text()
  const json = text ? JSON.parse(text) : {}
  if (response.ok) return json.message
  const unexpected = [undefined, `${json.title}. Please try again.`]
  throw Object.assign(new Error(), { fault: words[json.type.split(':').at(-1)] ?? unexpected })
}

function complain([field, text]) {
  answer.textContent = text
  answer.toggleAttribute('data-bad', true)
  if (!field) return
  if (field === token) tokenField.hidden = false
  field.setAttribute('aria-invalid', 'true')
  field.focus()
}

const actions = {
  async save() {
    if (!date.value)
      throw { fault: [date, 'Please enter your date of birth: day, month and year.'] }
    await call('PUT', { dateOfBirth: date.value })
    return call('GET')
  },
  greet: () => call('GET'),
  async forget() {
    const name = username.value.trim()
    if (!confirm(`Forget ${name}? The date of birth will be deleted.`)) return ''
    await call('DELETE')
    return `${name} is forgotten.`
  },
}

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  answer.textContent = ''
  answer.toggleAttribute('data-bad', false)
  for (const field of [username, date, token]) field.removeAttribute('aria-invalid')
  if (!username.value.trim()) return complain([username, 'Please enter your name.'])
  try {
    answer.textContent = await actions[event.submitter?.value ?? 'save']()
  } catch ({ fault }) {
    complain(fault ?? [undefined, 'The service cannot be reached. Please try again.'])
  }
})

const { version } = await (await fetch('/version')).json()
document.querySelector('#release').textContent = `· release ${version.slice(0, 12)}`
