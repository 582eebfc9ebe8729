// argolint runs Argo's own manifest validator without a cluster, as `argo lint --offline --strict` does.
//
// stdin:  a JSON list of {"name": …, "text": …}; one text is one file of manifests and sees no other file.
// stdout: a JSON list of {"name": …, "object": …, "error": …}, one entry per manifest, an empty error where it is right.
//
// argo3.go and argo4.go hold what differs between Argo's major versions; a build tag chooses one.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"

	"sigs.k8s.io/yaml"
)

type file struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

type result struct {
	Name   string `json:"name"`
	Object string `json:"object"`
	Error  string `json:"error"`
}

type document struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name         string `json:"name"`
		GenerateName string `json:"generateName"`
	} `json:"metadata"`
}

// Kinds that a deployment may hold beside Argo's and that are not Argo's to judge.
var others = map[string]bool{"ConfigMap": true}

var separator = regexp.MustCompile(`(?m)^---[ \t]*$`)

func main() {
	var files []file
	if err := json.NewDecoder(os.Stdin).Decode(&files); err != nil {
		fmt.Fprintln(os.Stderr, "argolint: stdin:", err)
		os.Exit(2)
	}
	results := []result{}
	for _, f := range files {
		results = append(results, lintFile(f)...)
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		fmt.Fprintln(os.Stderr, "argolint: stdout:", err)
		os.Exit(2)
	}
}

// lintFile looks at every document itself first: Argo's parser drops, with a log line only, what is not YAML or has no kind.
func lintFile(f file) []result {
	var results []result
	world := newWorld()
	type parsed struct {
		label string
		lint  func() error
	}
	var all []parsed
	for i, text := range separator.Split(f.Text, -1) {
		var d document
		plain, err := yaml.YAMLToJSONStrict([]byte(text))
		if err == nil {
			err = json.Unmarshal(plain, &d)
		}
		if err != nil {
			results = append(results, result{f.Name, fmt.Sprintf("document %d", i), err.Error()})
			continue
		}
		if string(plain) == "null" { // comments only
			continue
		}
		label := d.Kind + " " + d.Metadata.Name + d.Metadata.GenerateName
		if others[d.Kind] {
			results = append(results, result{f.Name, label, ""})
			continue
		}
		lint, err := world.parse([]byte(text))
		if err != nil {
			results = append(results, result{f.Name, label, err.Error()})
			continue
		}
		all = append(all, parsed{label, lint})
	}
	// Only now: a template may be referred to by a document that precedes it.
	for _, p := range all {
		r := result{f.Name, p.label, ""}
		if err := guarded(p.lint); err != nil {
			r.Error = err.Error()
		}
		results = append(results, r)
	}
	return results
}

// guarded turns a panic of the validator (robfig/cron panics on "CRON_TZ=UTC") into an error of that manifest.
func guarded(lint func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return lint()
}
