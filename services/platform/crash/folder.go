package crash

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The folders in CRASH_DIR.
const (
	Passed = "passed"
	Armed  = "armed"
)

// Folder is the CRASH_DIR of a process, as seen by who has it die. The process need not run.
type Folder string

// Passed are the points that the process has passed since [Folder.Forget], over all its lives, and how often.
func (f Folder) Passed() (map[string]int, error) {
	entries, err := f.read(Passed)
	points := make(map[string]int, len(entries))
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		points[pointOf(e)] = int(info.Size())
	}
	return points, err
}

// Forget has no point be passed yet.
func (f Folder) Forget() error {
	entries, err := f.read(Passed)
	for _, e := range entries {
		err = errors.Join(err, os.Remove(filepath.Join(string(f), Passed, e.Name())))
	}
	return err
}

// Arm has the process die the next time that it passes the point, after it has passed it so many times more.
func (f Folder) Arm(point string, skip int) error {
	dir := filepath.Join(string(f), Armed)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// It is there as a whole or not at all: the process may pass in this very moment.
	whole := filepath.Join(string(f), "arming")
	if err := os.WriteFile(whole, strconv.AppendInt(nil, int64(skip), 10), 0o600); err != nil {
		return err
	}
	return os.Rename(whole, filepath.Join(dir, fileOf(point)))
}

// Disarm takes the point back, and tells whether it still waited: one that has not fired by then never will. A death that
// it fired for may yet have to be seen.
func (f Folder) Disarm(point string) (waited bool, err error) {
	err = os.Remove(filepath.Join(string(f), Armed, fileOf(point)))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// read lists the files of a folder; one that is not there is empty.
func (f Folder) read(dir string) ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(filepath.Join(string(f), dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, err
}

// slash stands for "/" in the name of a file. No function has it in its name.
const slash = "~"

func fileOf(point string) string { return strings.ReplaceAll(point, "/", slash) }

func pointOf(file fs.DirEntry) string { return strings.ReplaceAll(file.Name(), slash, "/") }
