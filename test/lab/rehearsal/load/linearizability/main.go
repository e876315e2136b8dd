// Checks a history of the rehearsal with porcupine: each user is a register of its own, which the service must read and
// write as if each request took effect at one moment between its beginning and its end.
//
// usage: linearizability FILE, with one operation in each line as JSON: [user, "w" or "r", value, begin, end], times in
// microseconds. An end of null is a write whose outcome is unknown: it may take effect at any later moment, or never.
//
// It prints {"users", "operations", "violations", "undecided"}, the last two with the names of users.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	maxLine = 1 << 20
	workers = 2
	// Of one user. Only many unknown writes at once make a check long.
	patience = 20 * time.Second
)

type access struct {
	write bool
	value string
}

// The state is the value; any value may have been there before the first write.
const unset = ""

var register = porcupine.Model{
	Init: func() interface{} { return unset },
	Step: func(state, input, output interface{}) (bool, interface{}) {
		in := input.(access)
		if in.write {
			return true, in.value
		}
		return state == unset || state == in.value, in.value
	},
}

type report struct {
	Users      int      `json:"users"`
	Operations int      `json:"operations"`
	Violations []string `json:"violations"`
	Undecided  []string `json:"undecided"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: linearizability FILE")
		os.Exit(2)
	}
	histories, count, err := read(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "linearizability:", err)
		os.Exit(1)
	}
	result := check(histories)
	result.Operations = count
	json.NewEncoder(os.Stdout).Encode(result)
}

func read(path string) (map[string][]porcupine.Operation, int, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	histories := map[string][]porcupine.Operation{}
	count := 0
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var user, kind, value string
		var begin int64
		var end *int64
		if err := json.Unmarshal(lines.Bytes(), &[]interface{}{&user, &kind, &value, &begin, &end}); err != nil {
			return nil, 0, fmt.Errorf("line %d: %w", count+1, err)
		}
		operation := porcupine.Operation{Input: access{kind == "w", value}, Call: begin, Return: math.MaxInt64}
		if end != nil {
			operation.Return = *end
		}
		histories[user] = append(histories[user], operation)
		count++
	}
	return histories, count, lines.Err()
}

func check(histories map[string][]porcupine.Operation) report {
	result := report{Users: len(histories), Violations: []string{}, Undecided: []string{}}
	users := make(chan string)
	var group sync.WaitGroup
	var lock sync.Mutex
	for i := 0; i < workers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for user := range users {
				verdict := porcupine.CheckOperationsTimeout(register, histories[user], patience)
				lock.Lock()
				switch verdict {
				case porcupine.Illegal:
					result.Violations = append(result.Violations, user)
				case porcupine.Unknown:
					result.Undecided = append(result.Undecided, user)
				}
				lock.Unlock()
			}
		}()
	}
	for user := range histories {
		users <- user
	}
	close(users)
	group.Wait()
	return result
}
