// cron prints when schedules fire according to robfig/cron, the library in Argo's controller.
//
// stdin:  a line of JSON for each case: {"cron": …, "zone": …, "after": seconds since 1970, "count": n}.
// stdout: a line of JSON for each: {"error": …}, or {"times": […]} with fewer than n where it finds no further one.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/robfig/cron/v3"
)

type request struct {
	Cron  string `json:"cron"`
	Zone  string `json:"zone"`
	After int64  `json:"after"`
	Count int    `json:"count"`
}

type answer struct {
	Times []int64 `json:"times"`
	Error string  `json:"error"`
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	in := json.NewDecoder(os.Stdin)
	for in.More() {
		var r request
		if err := in.Decode(&r); err != nil {
			fmt.Fprintln(os.Stderr, "cron:", err)
			os.Exit(2)
		}
		line, _ := json.Marshal(fire(r))
		out.Write(append(line, '\n'))
	}
}

func fire(r request) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			a = answer{Error: fmt.Sprint("panic: ", p)}
		}
	}()
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		return answer{Error: err.Error()}
	}
	schedule, err := cron.ParseStandard(r.Cron)
	if err != nil {
		return answer{Error: err.Error()}
	}
	a.Times = []int64{}
	at := time.Unix(r.After, 0).In(zone)
	for range r.Count {
		if at = schedule.Next(at); at.IsZero() {
			break
		}
		a.Times = append(a.Times, at.Unix())
	}
	return a
}
