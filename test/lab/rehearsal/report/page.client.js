/* global uPlot */
const data = JSON.parse(document.getElementById('data').textContent)
const byId = (id) => document.getElementById(id)
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
const colourOf = (release) =>
  css(`--release-${data.releases.findIndex(({ id }) => id === release)}`)
const count = (value) => value.toLocaleString('en-GB')
const ms = (value) =>
  value === null ? 'none' : `${value < 10 ? value.toFixed(1) : Math.round(value)}`
const clock = (seconds) =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`

function element(parent, tag, text = '', className = '') {
  const made = document.createElement(tag)
  made.textContent = text
  if (className) made.className = className
  parent.append(made)
  return made
}

function heading() {
  document.title = `Rehearsal: ${data.scenario}`
  byId('title').textContent =
    `Rehearsal of ${data.scenario}: ${data.met ? 'all as expected' : 'not as expected'}`
  byId('subtitle').textContent = data.subtitle
  const tiles = [
    ['requests', count(data.requests), data.requestsNote],
    ['failed', count(data.failed), `${count(data.unexpected)} unexpectedly`],
    ['longest gap', `${(data.longestGapMs / 1000).toFixed(2)} s`, 'without a correct response'],
    ...['before', 'during', 'after'].map((name) => [
      `p50 / p99 ${name}`,
      `${ms(data.phases[name].p50)} / ${ms(data.phases[name].p99)}`,
      `ms, ${count(data.phases[name].requests)} requests`,
    ]),
  ]
  for (const [label, value, more] of tiles) {
    const tile = element(byId('tiles'), 'div', '', 'tile')
    element(tile, 'span', label)
    element(tile, 'b', value)
    element(tile, 'small', more)
  }
}

function legend(id, entries) {
  byId(id).replaceChildren()
  for (const [colour, text, height = 12] of entries) {
    const entry = element(byId(id), 'span')
    const swatch = element(entry, 'i')
    swatch.style.background = colour
    swatch.style.height = `${height}px`
    entry.append(text)
  }
}

/** Vertical lines where something happened, with their numbers in the timeline. */
const marks = {
  hooks: {
    draw: (plot) => {
      const { ctx, bbox } = plot
      ctx.save()
      ctx.strokeStyle = css('--mark')
      ctx.fillStyle = css('--quiet')
      ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`
      ctx.textAlign = 'center'
      ctx.setLineDash([3, 3])
      // Those of the same moment have one number, the first.
      let last = Number.NEGATIVE_INFINITY
      for (const [index, { at }] of data.marks.entries()) {
        const x = Math.round(plot.valToPos(at, 'x', true)) + 0.5
        if (x - last > 16 * devicePixelRatio) {
          ctx.fillText(index + 1, x, bbox.top - 4 * devicePixelRatio)
          last = x
        }
        ctx.beginPath()
        ctx.moveTo(x, bbox.top)
        ctx.lineTo(x, bbox.top + bbox.height)
        ctx.stroke()
      }
      ctx.restore()
    },
  },
}

/** Left and right margins of the plots, so that all share one time axis. */
const LEFT = 88
const RIGHT = 12
const axis = (more) => ({
  stroke: css('--quiet'),
  grid: { stroke: css('--grid'), width: 1 },
  ticks: { show: false },
  ...more,
})
const xAxis = () =>
  axis({
    values: (_, splits) => splits.map(clock),
    incrs: [1, 5, 10, 30, 60, 120, 300],
    grid: { show: false },
    size: 28,
  })
const sync = uPlot.sync('rehearsal')

function plot(id, label, height, options, columns) {
  const target = byId(id)
  target.replaceChildren()
  const { ctx } = new uPlot(
    {
      width: target.clientWidth,
      height,
      legend: { show: false },
      padding: [20, RIGHT, 0, 0],
      cursor: { sync: { key: sync.key }, points: { show: false } },
      plugins: [marks],
      scales: { x: { time: false, range: [0, data.length] }, ...options.scales },
      axes: [xAxis(), axis({ size: LEFT, ...options.yAxis })],
      series: [{}, ...options.series],
      ...(options.bands ? { bands: options.bands } : {}),
    },
    columns,
    target,
  )
  ctx.canvas.setAttribute('role', 'img')
  ctx.canvas.setAttribute('aria-label', label)
}

function requests() {
  legend('release-legend', [
    ...data.releases.map(({ id, name }) => [colourOf(id), `release ${name} (${id.slice(0, 12)})`]),
    [css('--bad'), 'failed'],
  ])
  let below = data.seconds.map(() => 0)
  const stacked = data.releases.map(({ id }, place) => {
    const answers = data.seconds.map(({ served }) => served[id] ?? 0)
    below = below.map((count, index) => count + answers[index])
    // Where it has none, its line would overlap that of the release below it.
    return below.map((count, index) => (place === 0 || answers[index] > 0 ? count : null))
  })
  plot(
    'requests',
    'Correct responses per second by release, and failed requests, over time',
    220,
    {
      series: [
        ...data.releases.map(({ id }) => ({
          stroke: colourOf(id),
          fill: `${colourOf(id)}66`,
          width: 1.5,
          points: { show: false },
        })),
        { stroke: css('--bad'), width: 2, points: { show: true, size: 5, fill: css('--bad') } },
      ],
      bands: data.releases.slice(1).map((_, index) => ({ series: [index + 2, index + 1] })),
    },
    [
      data.seconds.map(({ at }) => at),
      ...stacked,
      data.seconds.map(({ failed }) => (failed > 0 ? failed : null)),
    ],
  )
}

function latency() {
  legend('latency-legend', [
    [css('--p50'), 'p50', 2],
    [css('--p99'), 'p99', 2],
  ])
  const line = (stroke) => ({ stroke, width: 1.5, points: { show: false }, spanGaps: true })
  plot(
    'latency',
    'The median and the 99th percentile of the latency of each second, over time',
    180,
    {
      scales: { y: { distr: 3, log: 10 } },
      yAxis: {
        filter: (_, splits) => splits.map((value) => (Math.log10(value) % 1 === 0 ? value : null)),
      },
      series: [line(css('--p50')), line(css('--p99'))],
    },
    [
      data.seconds.map(({ at }) => at),
      data.seconds.map(({ p50 }) => p50),
      data.seconds.map(({ p99 }) => p99),
    ],
  )
}

/** The colour is the release; the height is the step. */
const STEPS = [
  ['launchedAt', 'healthyAt', 5, 'boot and first health checks', 'boots'],
  ['healthyAt', 'deregisteredAt', 12, 'gets requests', 'serves'],
  ['deregisteredAt', 'stoppingAt', 8, 'drains', 'drains'],
  ['stoppingAt', 'goneAt', 2, 'shuts down', 'stops'],
]
const ROW = 18

function lives() {
  legend(
    'life-legend',
    STEPS.map(([, , height, text]) => [css('--quiet'), text, height]),
  )
  const width = byId('lives').clientWidth
  const scale = (at) => LEFT + (at / data.length) * (width - LEFT - RIGHT)
  const height = data.lives.length * ROW + 4
  const namespace = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(namespace, 'svg')
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', 'When each instance booted, served, drained and stopped')
  const draw = (tag, attributes, text = '') => {
    const made = document.createElementNS(namespace, tag)
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
    made.textContent = text
    svg.append(made)
    return made
  }
  for (const [index, life] of data.lives.entries()) {
    const y = index * ROW
    draw('text', { x: 0, y: y + 13 }, life.id.slice(0, 10))
    for (const [from, to, thickness, what, step] of STEPS) {
      // A step that was skipped or is still in progress ends with the next one, or with the rehearsal.
      const begin = life[from]
      const end = life[to] ?? life.stoppingAt ?? data.length
      if (begin === undefined || end <= begin) continue
      const bar = draw('rect', {
        x: scale(Math.max(0, begin)),
        y: y + (ROW - thickness) / 2,
        width: Math.max(1, scale(Math.min(end, data.length)) - scale(Math.max(0, begin)) - 1),
        height: thickness,
        rx: Math.min(2, thickness / 2),
        fill: colourOf(life.release),
        class: step,
      })
      const title = document.createElementNS(namespace, 'title')
      title.textContent = `${life.id} ${what}: ${(end - begin).toFixed(1)} s`
      bar.append(title)
    }
    if (life.killedAt !== undefined) {
      draw(
        'text',
        { x: scale(life.killedAt) - 4, y: y + 13, style: `fill:${css('--bad')};font-weight:700` },
        '✕',
      )
    }
  }
  byId('lives').replaceChildren(svg)
}

function tables() {
  for (const { what, met, seen } of data.expectations) {
    const row = element(byId('expectations'), 'tr')
    element(row, 'td', met ? '✓ met' : '✕ not met', met ? 'met' : 'unmet')
    element(row, 'td', what)
    element(row, 'td', seen)
  }
  for (const [index, { at, what }] of data.marks.entries()) {
    element(byId('marks'), 'li', `${index + 1}: ${what} (${clock(at)})`)
  }
}

function draw() {
  requests()
  latency()
  lives()
}

heading()
tables()
draw()
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw)
let width = innerWidth
addEventListener('resize', () => {
  if (innerWidth === width) return
  width = innerWidth
  draw()
})
