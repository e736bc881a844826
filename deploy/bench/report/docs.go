package report

import (
	"bytes"
	"errors"
	"fmt"
	"os"
)

// The marks stand on lines of their own around what the benchmark writes.
const (
	beginMark = "<!-- benchmark -->"
	endMark   = "<!-- /benchmark -->"
)

// errMarks is the answer to a page that does not say where the tables go.
var errMarks = errors.New("want the line " + beginMark + " once and, after it, the line " + endMark + " once")

// Update puts the [Markdown] of a result between the marks of a page and leaves the rest of the page as it is.
func Update(path string, r Result) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("update the benchmark's page: %w", err)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("update the benchmark's page: %w", err)
	}
	before, after, err := outside(old)
	if err != nil {
		return fmt.Errorf("update the benchmark's page %s: %w", path, err)
	}
	var page bytes.Buffer
	page.Write(before)
	page.WriteByte('\n')
	if err := Markdown(&page, r); err != nil {
		return err
	}
	page.WriteByte('\n')
	page.Write(after)
	if err := os.WriteFile(path, page.Bytes(), info.Mode().Perm()); err != nil {
		return fmt.Errorf("update the benchmark's page: %w", err)
	}
	return nil
}

// outside returns what stands before and after the section, each with its mark.
func outside(content []byte) (before, after []byte, err error) {
	begin, end := -1, -1
	at := 0
	for line := range bytes.Lines(content) {
		switch string(bytes.TrimSpace(line)) {
		case beginMark:
			if begin >= 0 || end >= 0 {
				return nil, nil, errMarks
			}
			begin = at + len(line)
		case endMark:
			if end >= 0 {
				return nil, nil, errMarks
			}
			end = at
		}
		at += len(line)
	}
	if begin < 0 || end < 0 {
		return nil, nil, errMarks
	}
	return content[:begin], content[end:], nil
}
