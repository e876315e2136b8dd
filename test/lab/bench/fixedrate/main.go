// Command fixedrate sends requests at a fixed rate, however long the answers take, and measures each from when it was
// due: one that had to wait for a free connection took that long, too. It prints one line of JSON.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/valyala/fasthttp"
)

const (
	// Between two looks at the clock; Go's own timers may be a millisecond late.
	tick              = 100 * time.Microsecond
	timeout           = 5 * time.Second
	longest           = 60 * time.Second
	significantDigits = 3
)

var (
	address       = flag.String("address", "", "host:port of the server")
	method        = flag.String("method", "GET", "method")
	body          = flag.String("body", "", "body, with YYYY for a year")
	authorization = flag.String("authorization", "", "header of every request")
	users         = flag.Int("users", 1, "how many users take turns")
	count         = flag.Int("count", 1, "how many requests")
	rate          = flag.Float64("rate", 0, "requests a second; 0: as many as possible")
	connections   = flag.Int("connections", 1, "the most requests in flight")
)

type ticket struct {
	number int
	due    time.Duration
}

type results struct {
	latency  *hdrhistogram.Histogram
	failures int
	failure  string
}

func main() {
	flag.Parse()
	client := &fasthttp.HostClient{
		Addr: *address, MaxConns: *connections, ReadTimeout: timeout, WriteTimeout: timeout, MaxIdemponentCallAttempts: 1,
	}
	// Room for every ticket, so that the clock never waits for an answer.
	tickets := make(chan ticket, *count)
	all := make([]results, *connections)
	start := time.Now()
	var group sync.WaitGroup
	for i := range all {
		group.Go(func() { all[i] = work(client, tickets, start) })
	}
	lag := release(tickets, start)
	group.Wait()
	seconds := time.Since(start).Seconds()

	total := all[0]
	for _, other := range all[1:] {
		total.latency.Merge(other.latency)
		total.failures += other.failures
		if other.failure != "" {
			total.failure = other.failure
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"requests": *count, "seconds": seconds, "failures": total.failures, "failure": total.failure,
		"p50Ms": percentile(total.latency, 50), "p99Ms": percentile(total.latency, 99),
		"p999Ms": percentile(total.latency, 99.9), "lagP99Ms": percentile(lag, 99),
	})
}

// release hands out each ticket when it is due, and returns how late it was.
func release(tickets chan<- ticket, start time.Time) *hdrhistogram.Histogram {
	lag := histogram()
	for number := 0; number < *count; {
		now := time.Since(start)
		for ; number < *count; number++ {
			due := time.Duration(0)
			if *rate > 0 {
				due = time.Duration(float64(number) / *rate * float64(time.Second))
			}
			if due > now {
				break
			}
			_ = lag.RecordValue((now - due).Microseconds())
			tickets <- ticket{number, due}
		}
		pause := syscall.NsecToTimespec(int64(tick))
		_ = syscall.Nanosleep(&pause, nil)
	}
	close(tickets)
	return lag
}

func work(client *fasthttp.HostClient, tickets <-chan ticket, start time.Time) results {
	mine := results{latency: histogram()}
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	request.Header.SetMethod(*method)
	request.Header.SetHost(*address)
	request.Header.Set("Authorization", *authorization)
	if *body != "" {
		request.Header.SetContentType("application/json")
	}
	firstYear := start.Unix()
	for next := range tickets {
		request.SetRequestURI("/hello/" + name(next.number%*users))
		if *body != "" {
			year := 1000 + (firstYear+int64(next.number / *users))%900
			request.SetBodyString(strings.Replace(*body, "YYYY", fmt.Sprint(year), 1))
		}
		err := client.Do(request, response)
		_ = mine.latency.RecordValue((time.Since(start) - next.due).Microseconds())
		if err == nil && response.StatusCode() >= 300 {
			err = fmt.Errorf("status %d: %s", response.StatusCode(), response.Body())
		}
		if err != nil {
			mine.failures++
			mine.failure = err.Error()
		}
	}
	return mine
}

// name is that of user number n, as in figures.lua.
func name(n int) string {
	letters := []byte("Useraaaaaa")
	for i := len(letters) - 1; n > 0; i-- {
		letters[i] += byte(n % 10)
		n /= 10
	}
	return string(letters)
}

func histogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, longest.Microseconds(), significantDigits)
}

func percentile(h *hdrhistogram.Histogram, p float64) float64 {
	return float64(h.ValueAtPercentile(p)) / 1000
}
