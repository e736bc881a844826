// Package journal keeps append-only NDJSON files: one JSON object a line, on
// disk before a provider answers.
//
// Lines of concurrent callers share one fsync (group commit), so the rate is
// bounded by the disk's latency times the number of callers, not by the
// latency alone. A journal that was cut short by kill -9 is repaired at Open:
// an incomplete last line never counted as written, and is removed.
package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// ErrClosed is returned for writes after Close.
var ErrClosed = errors.New("journal: closed")

// Ticket names a line that was handed over but may not be on disk yet.
type Ticket struct {
	seq    uint64
	Offset int64 // where the line begins in the file
	Length int   // without the line feed
}

// Log is one journal file. It is safe for concurrent use.
type Log struct {
	file *os.File
	kick chan struct{}
	done chan struct{}

	mu     sync.Mutex
	synced *sync.Cond // of mu: disk or err changed
	buf    []byte
	spare  []byte // the buffer of the flush before, for the next
	size   int64  // of the file once buf is written
	last   uint64
	disk   uint64 // lines up to this one are durable
	err    error
	closed bool
}

// Open opens or creates the journal at path and gives each of its lines to
// replay, in order. The line is only valid during the call. A torn last line is
// cut off; a damaged line anywhere else is an error, since truth is missing.
func Open(path string, replay func(line []byte, at Ticket) error) (*Log, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	size, err := load(file, replay)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal %s: %w", filepath.Base(path), err), file.Close())
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), file.Close())
	}
	l := &Log{file: file, kick: make(chan struct{}, 1), done: make(chan struct{}), size: size}
	l.synced = sync.NewCond(&l.mu)
	go l.flushLoop()
	return l, nil
}

func load(file *os.File, replay func([]byte, Ticket) error) (int64, error) {
	if err := lock(file); err != nil {
		return 0, fmt.Errorf("another process uses it: %w", err)
	}
	good, err := scan(file, replay)
	if err != nil {
		return 0, err
	}
	if err := file.Truncate(good); err != nil {
		return 0, err
	}
	if _, err := file.Seek(good, io.SeekStart); err != nil {
		return 0, err
	}
	return good, file.Sync()
}

// scan replays the complete lines and returns where they end.
func scan(file *os.File, replay func([]byte, Ticket) error) (int64, error) {
	in := bufio.NewReaderSize(file, 1<<16)
	var good int64
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return good, nil // what is left has no line feed: torn
		}
		if err != nil {
			return 0, err
		}
		body := line[:len(line)-1]
		if !json.Valid(body) {
			if _, err := in.Peek(1); errors.Is(err, io.EOF) {
				return good, nil
			}
			return 0, fmt.Errorf("line %d is not JSON", number)
		}
		if replay != nil {
			if err := replay(body, Ticket{Offset: good, Length: len(body)}); err != nil {
				return 0, fmt.Errorf("line %d: %w", number, err)
			}
		}
		good += int64(len(line))
	}
}

// Enqueue hands v over as the next line without waiting for the disk. The order
// of Enqueue calls is the order of the lines, so a caller may hold its own lock
// here and Wait after releasing it.
func (l *Log) Enqueue(v any) (Ticket, error) {
	line, err := json.Marshal(v)
	if err != nil {
		return Ticket{}, fmt.Errorf("journal: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return Ticket{}, l.err
	}
	if l.closed {
		return Ticket{}, ErrClosed
	}
	t := Ticket{seq: l.last + 1, Offset: l.size, Length: len(line)}
	l.last++
	l.size += int64(len(line)) + 1
	l.buf = append(append(l.buf, line...), '\n')
	select {
	case l.kick <- struct{}{}:
	default:
	}
	return t, nil
}

// Wait returns when the line of t is on disk, or cannot get there.
func (l *Log) Wait(t Ticket) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.disk < t.seq && l.err == nil {
		l.synced.Wait()
	}
	if l.disk >= t.seq {
		return nil
	}
	return l.err
}

// Append writes v and waits until it is on disk.
func (l *Log) Append(v any) (Ticket, error) {
	t, err := l.Enqueue(v)
	if err != nil {
		return t, err
	}
	return t, l.Wait(t)
}

// Read returns the line of a durable ticket.
func (l *Log) Read(t Ticket) ([]byte, error) {
	line := make([]byte, t.Length)
	if _, err := l.file.ReadAt(line, t.Offset); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return line, nil
}

// Close writes what was handed over, and closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	close(l.kick)
	l.mu.Unlock()
	<-l.done
	if err := l.file.Close(); l.err == nil {
		return err
	}
	return l.err
}

func (l *Log) flushLoop() {
	defer close(l.done)
	for range l.kick {
		l.flush()
	}
	l.flush()
}

func (l *Log) flush() {
	l.mu.Lock()
	if len(l.buf) == 0 || l.err != nil {
		l.mu.Unlock()
		return
	}
	batch, upTo := l.buf, l.last
	l.buf, l.spare = l.spare[:0], nil // never two slices of one array: batch is being read
	l.mu.Unlock()
	_, err := l.file.Write(batch)
	if err == nil {
		err = l.file.Sync()
	}
	l.mu.Lock()
	l.spare = batch
	if err != nil {
		l.err = fmt.Errorf("journal: %w", err) // for ever: what is on disk is unknown
	} else {
		l.disk = upTo
	}
	l.synced.Broadcast()
	l.mu.Unlock()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
