// Package mail is the buyers' mail provider: an SMTP server (RFC 5321) that
// keeps what it accepts, and an inbox to read it.
//
// Every accepted message is shown, copies with the same Message-ID too: the
// inbox is the truth about what buyers got.
package mail

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/sandbox/journal"
	"aftercare.dev/deploy/sandbox/schedule"
)

// System is how rules name this provider.
const System = "mail"

// maxMessage is the largest message, as the SIZE extension announces it.
const maxMessage = 10 << 20

// Config is what the provider needs.
type Config struct {
	Dir    string // of mail.ndjson
	Clock  *schedule.Scheduler
	Faults *fault.Set
	Logger *slog.Logger
}

// Summary is a message without its content.
type Summary struct {
	ID        string    `json:"id"`
	Time      time.Time `json:"time"`
	From      string    `json:"from"` // of the envelope
	To        []string  `json:"to"`   // of the envelope
	MessageID string    `json:"message_id"`
	Subject   string    `json:"subject"`
	Copies    int       `json:"copies"` // messages with this Message-ID, this one included
}

// line is a message in the journal.
type line struct {
	Op        string    `json:"op"` // mail
	Time      time.Time `json:"time"`
	From      string    `json:"from"`
	To        []string  `json:"to"`
	MessageID string    `json:"message_id"`
	Subject   string    `json:"subject"`
	Raw       []byte    `json:"raw"` // base64: a mail need not be UTF-8
}

type entry struct {
	Summary
	at journal.Ticket // where the content is
}

// Service is the provider. It is safe for concurrent use.
type Service struct {
	cfg     Config
	journal *journal.Log
	server  *smtp.Server

	mu     sync.RWMutex
	all    []entry
	byTo   map[string][]int // lower-case address → indexes of all
	copies map[string]int   // Message-ID → how many
}

// New opens the provider.
func New(cfg Config) (*Service, error) {
	s := &Service{cfg: cfg, byTo: make(map[string][]int), copies: make(map[string]int)}
	log, err := journal.Open(filepath.Join(cfg.Dir, "mail.ndjson"), func(raw []byte, at journal.Ticket) error {
		var l line
		if err := json.Unmarshal(raw, &l); err != nil {
			return err
		}
		if l.Op == "mail" {
			s.keep(l, at)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.journal = log
	s.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{service: s, conn: c.Conn()}, nil
	}))
	s.server.Domain = "mail.sandbox.invalid"
	s.server.MaxMessageBytes = maxMessage
	s.server.MaxRecipients = 100
	s.server.ReadTimeout, s.server.WriteTimeout = time.Minute, time.Minute
	s.server.EnableSMTPUTF8 = true
	s.server.ErrorLog = slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug)
	return s, nil
}

// Serve serves SMTP until Close.
func (s *Service) Serve(l net.Listener) error { return s.server.Serve(l) }

// Close ends the server and closes the journal.
func (s *Service) Close() error {
	err := s.server.Close()
	if errors.Is(err, smtp.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, s.journal.Close())
}

func (s *Service) keep(l line, at journal.Ticket) {
	i := len(s.all)
	s.all = append(s.all, entry{Summary{
		ID: strconv.Itoa(i + 1), Time: l.Time, From: l.From, To: l.To, MessageID: l.MessageID, Subject: l.Subject,
	}, at})
	for _, to := range l.To {
		to = strings.ToLower(to)
		s.byTo[to] = append(s.byTo[to], i)
	}
	if l.MessageID != "" {
		s.copies[l.MessageID]++
	}
}

// List returns the messages to an address, or all for the empty address,
// oldest first, from offset on.
func (s *Service) List(to string, offset, limit int) (messages []Summary, total int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	at := func(i int) int { return i }
	total = len(s.all)
	if to != "" {
		indexes := s.byTo[strings.ToLower(to)]
		at, total = func(i int) int { return indexes[i] }, len(indexes)
	}
	messages = []Summary{}
	for i := max(0, offset); i < min(total, offset+limit); i++ {
		messages = append(messages, s.summary(at(i)))
	}
	return messages, total
}

func (s *Service) summary(i int) Summary {
	m := s.all[i].Summary
	m.Copies = max(1, s.copies[m.MessageID])
	return m
}

// Get returns a message with its raw content; false if there is none.
func (s *Service) Get(id string) (Summary, []byte, bool, error) {
	n, _ := strconv.Atoi(id) // 0 if it is no number: no message has that one
	s.mu.RLock()
	if n < 1 || n > len(s.all) {
		s.mu.RUnlock()
		return Summary{}, nil, false, nil
	}
	m, at := s.summary(n-1), s.all[n-1].at
	s.mu.RUnlock()
	if err := s.journal.Wait(at); err != nil {
		return m, nil, true, err
	}
	raw, err := s.journal.Read(at)
	if err != nil {
		return m, nil, true, err
	}
	var l line
	err = json.Unmarshal(raw, &l)
	return m, l.Raw, true, err
}

// accept stores a message and returns when it is on disk.
func (s *Service) accept(from string, to []string, raw []byte) error {
	l := line{Op: "mail", From: from, To: to, Raw: raw}
	l.MessageID, l.Subject = headers(raw)
	s.mu.Lock()
	l.Time = s.cfg.Clock.Now()
	t, err := s.journal.Enqueue(l)
	if err == nil {
		s.keep(l, t)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.journal.Wait(t)
}

// session is one SMTP transaction after the other.
type session struct {
	service *Service
	conn    net.Conn
	from    string
	to      []string
}

func (c *session) Reset()        { c.from, c.to = "", nil }
func (c *session) Logout() error { return nil }

func (c *session) Mail(from string, _ *smtp.MailOptions) error {
	c.from = from
	return nil
}

func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if _, err := mail.ParseAddress(to); err != nil {
		return &smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 1, 3}, Message: "bad address"}
	}
	c.to = append(c.to, to)
	return nil
}

// errDropped never reaches the client: its connection is closed by then.
var errDropped = errors.New("connection dropped on purpose")

func (c *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	id, subject := headers(raw)
	faults := c.service.cfg.Faults
	call := fault.Call{System: System, Operation: "send", Keys: map[string]string{
		"to": strings.Join(c.to, ","), "from": c.from, "message_id": id, "subject": subject,
	}}
	if _, ok := faults.Take(call, fault.LoseRequest); ok {
		return c.drop()
	}
	if r, ok := faults.Take(call, fault.Fail); ok {
		return refusal(r)
	}
	if err := c.service.accept(c.from, c.to, raw); err != nil {
		return err
	}
	if r, ok := faults.Take(call, fault.Delay); ok {
		time.Sleep(time.Duration(r.MS) * time.Millisecond)
	}
	if _, ok := faults.Take(call, fault.LoseAnswer); ok {
		return c.drop()
	}
	return nil
}

func (c *session) drop() error { return errors.Join(errDropped, c.conn.Close()) }

// refusal is the reply of a fail rule: code is an SMTP reply code, default 451.
func refusal(r fault.Rule) error {
	code, err := strconv.Atoi(r.Code)
	if err != nil || code < 400 || code > 599 {
		code = 451
	}
	message := r.Message
	if message == "" {
		message = "refused on purpose"
	}
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: message}
}
