package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/notification/wording"
	"aftercare.dev/services/platform/config"
)

// mailServer is a real SMTP server in this process that can be told to refuse.
type mailServer struct {
	mu       sync.Mutex
	received []string // raw messages
	rcpts    []string
	users    []string

	tls                                *tls.Config
	refuseMail, refuseRcpt, refuseData error
}

func (s *mailServer) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{s}, nil }

type session struct{ server *mailServer }

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if password != "right" {
			return smtp.ErrAuthFailed
		}
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		s.server.users = append(s.server.users, username)
		return nil
	}), nil
}

func (s *session) Mail(string, *smtp.MailOptions) error { return s.server.refuseMail }

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.rcpts = append(s.server.rcpts, to)
	return s.server.refuseRcpt
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.server.refuseData != nil {
		return s.server.refuseData
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.received = append(s.server.received, string(raw))
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// start serves on a free port of the loopback interface and returns its address.
func (s *mailServer) start(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(s)
	server.AllowInsecureAuth = true
	server.TLSConfig = s.tls
	server.ErrorLog = log.New(io.Discard, "", 0)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

// contacts answers with one contact or error.
type contacts struct {
	contact Contact
	err     error
}

func (c contacts) Contact(context.Context, string, string) (Contact, error) { return c.contact, c.err }

func sender(t *testing.T, cfg Config, c contacts) *Sender {
	t.Helper()
	book, err := wording.New()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.From == "" {
		cfg.From = "Shop <no-reply@shop.example>"
	}
	if cfg.TLS == "" {
		cfg.TLS = TLSNone
	}
	s, err := NewSender(cfg, c, book)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func message(t *testing.T) domain.Message {
	t.Helper()
	e, err := domain.NewEvent(domain.Event{
		MerchantID: "m1", EventID: "evt_1", Type: "refund.succeeded", CaseID: "case_1", OrderID: "order_1", BuyerID: "buyer_1",
		Number: 3, OccurredAt: time.Unix(1_700_000_000, 0), Audience: domain.AudienceEveryone,
	}, map[string]any{"amount": map[string]any{"amount": 1999, "currency": "CNY"}})
	if err != nil {
		t.Fatal(err)
	}
	return domain.Message{
		Event:    e,
		Delivery: domain.NewDelivery("dlv_1", e, domain.Target{Channel: domain.ChannelEmail, ID: "buyer_1"}, time.Now()),
	}
}

var zhang = contacts{contact: Contact{Name: "张三", Email: "zhang@mail.example", Language: "zh-CN"}}

func TestTheBuyerGetsTheMailInTheirLanguage(t *testing.T) {
	server := &mailServer{}
	result := sender(t, Config{Addr: server.start(t)}, zhang).Send(context.Background(), message(t))
	if result.Verdict != domain.Delivered {
		t.Fatalf("got %+v", result)
	}
	if len(server.received) != 1 || len(server.rcpts) != 1 || server.rcpts[0] != "zhang@mail.example" {
		t.Fatalf("received %d messages for %v", len(server.received), server.rcpts)
	}
	m, err := mail.ReadMessage(strings.NewReader(server.received[0]))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != "[case_1] 退款成功" {
		t.Errorf("subject %q, %v", subject, err)
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Name != "张三" || to[0].Address != "zhang@mail.example" {
		t.Errorf("to %v, %v", to, err)
	}
	for name, want := range map[string]string{
		"Message-Id": "<dlv_1@shop.example>", "Auto-Submitted": "auto-generated", "Content-Language": "zh-CN",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil || !strings.Contains(string(body), "张三，您好") || !strings.Contains(string(body), "¥19.99") {
		t.Errorf("body %q, %v", body, err)
	}
}

func TestARepeatedMailHasTheSameMessageID(t *testing.T) {
	server := &mailServer{}
	s := sender(t, Config{Addr: server.start(t)}, zhang)
	for range 2 {
		if result := s.Send(context.Background(), message(t)); result.Verdict != domain.Delivered {
			t.Fatalf("got %+v", result)
		}
	}
	var seen []string
	for _, raw := range server.received {
		m, err := mail.ReadMessage(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, m.Header.Get("Message-Id"))
	}
	if len(seen) != 2 || seen[0] != seen[1] || seen[0] == "" {
		t.Errorf("message ids %v", seen)
	}
}

func TestNobodyToWriteToIsSkipped(t *testing.T) {
	result := sender(t, Config{Addr: "127.0.0.1:1"}, contacts{contact: Contact{Name: "张三"}}).Send(context.Background(), message(t))
	if result.Verdict != domain.Skipped || result.Code != domain.ErrorNoAddress {
		t.Errorf("got %+v", result)
	}
}

func TestAnAddressThatIsNoneFailsWithoutAttempt(t *testing.T) {
	for _, address := range []string{"zhang", "a@b.example, c@d.example", "x@y.example\r\nBcc: all@y.example", "Li <li@y.example>"} {
		result := sender(t, Config{Addr: "127.0.0.1:1"}, contacts{contact: Contact{Email: address}}).Send(context.Background(), message(t))
		if result.Verdict != domain.Failed || result.Code != domain.ErrorBadAddress {
			t.Errorf("%q: got %+v", address, result)
		}
	}
}

func TestANameCannotAddHeadersToTheMail(t *testing.T) {
	server := &mailServer{}
	nasty := contacts{contact: Contact{Name: "Zhang\" <evil@y.example>\r\nBcc: all@y.example", Email: "zhang@mail.example"}}
	if result := sender(t, Config{Addr: server.start(t)}, nasty).Send(context.Background(), message(t)); result.Verdict != domain.Delivered {
		t.Fatalf("got %+v", result)
	}
	m, err := mail.ReadMessage(strings.NewReader(server.received[0]))
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("Bcc") != "" || len(server.rcpts) != 1 || server.rcpts[0] != "zhang@mail.example" {
		t.Errorf("bcc %q, recipients %v", m.Header.Get("Bcc"), server.rcpts)
	}
}

func refusal(code int) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: "zhang@mail.example: no"}
}

func TestRefusalsAreFinalOnlyIfTheyAreAboutThisMessage(t *testing.T) {
	for name, c := range map[string]struct {
		server *mailServer
		want   domain.Result
	}{
		"recipient, for good":  {&mailServer{refuseRcpt: refusal(550)}, domain.Result{Verdict: domain.Failed, Status: 550, Code: domain.ErrorSMTP}},
		"recipient, for now":   {&mailServer{refuseRcpt: refusal(450)}, domain.Result{Verdict: domain.Retry, Status: 450, Code: domain.ErrorSMTP}},
		"content, for good":    {&mailServer{refuseData: refusal(554)}, domain.Result{Verdict: domain.Failed, Status: 554, Code: domain.ErrorSMTP}},
		"content, for now":     {&mailServer{refuseData: refusal(451)}, domain.Result{Verdict: domain.Retry, Status: 451, Code: domain.ErrorSMTP}},
		"our own address":      {&mailServer{refuseMail: refusal(550)}, domain.Result{Verdict: domain.Retry, Status: 550, Code: domain.ErrorSMTP}},
		"our address, for now": {&mailServer{refuseMail: refusal(421)}, domain.Result{Verdict: domain.Retry, Status: 421, Code: domain.ErrorSMTP}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sender(t, Config{Addr: c.server.start(t)}, zhang).Send(context.Background(), message(t)); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestAMailServerThatIsAwayIsTriedAgain(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	result := sender(t, Config{Addr: addr}, zhang).Send(context.Background(), message(t))
	if result.Verdict != domain.Retry || result.Code != domain.ErrorSMTPUnavailable {
		t.Errorf("got %+v", result)
	}
}

func TestMailIsNotSentInTheClearIfEncryptionIsAskedFor(t *testing.T) {
	server := &mailServer{}
	result := sender(t, Config{Addr: server.start(t), TLS: TLSStartTLS}, zhang).Send(context.Background(), message(t))
	if result.Verdict != domain.Retry || len(server.rcpts) != 0 {
		t.Errorf("got %+v, recipients %v", result, server.rcpts)
	}
}

func TestTheServerIsSignedInToOverEncryption(t *testing.T) {
	certified := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(certified.Close)
	trusted := x509.NewCertPool()
	trusted.AddCert(certified.Certificate())
	for password, want := range map[string]domain.Verdict{"right": domain.Delivered, "wrong": domain.Retry} {
		server := &mailServer{tls: &tls.Config{Certificates: certified.TLS.Certificates}}
		cfg := Config{Addr: server.start(t), TLS: TLSStartTLS, Username: "mailer", Password: config.Secret(password)}
		s := sender(t, cfg, zhang)
		if err := s.client.SetTLSConfig(&tls.Config{RootCAs: trusted, ServerName: "example.com"}); err != nil {
			t.Fatal(err)
		}
		if result := s.Send(context.Background(), message(t)); result.Verdict != want {
			t.Errorf("%s password: got %+v", password, result)
		}
		if want == domain.Delivered && (len(server.users) != 1 || server.users[0] != "mailer") {
			t.Errorf("signed in as %v", server.users)
		}
	}
}

func TestThePasswordIsNotSentInTheClear(t *testing.T) {
	server := &mailServer{}
	cfg := Config{Addr: server.start(t), TLS: TLSNone, Username: "mailer", Password: "right"}
	if result := sender(t, cfg, zhang).Send(context.Background(), message(t)); result.Verdict != domain.Retry || len(server.users) != 0 {
		t.Errorf("got %+v, signed in as %v", result, server.users)
	}
}

func TestAContactThatCannotBeReadIsTriedAgain(t *testing.T) {
	result := sender(t, Config{Addr: "127.0.0.1:1"}, contacts{err: errors.New("order service is away")}).Send(context.Background(), message(t))
	if result.Verdict != domain.Retry || result.Code != domain.ErrorNoContact {
		t.Errorf("got %+v", result)
	}
}

func TestTheContactComesFromTheOrderServiceAndAMissingOrderHasNone(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/v1/merchants/m1/orders/order_1/contact":
			_, _ = io.WriteString(w, `{"name":"张三","email":"zhang@mail.example","language":"en","phone":"138"}`)
		case "/v1/merchants/m1/orders/order_2/contact":
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"type":"x","title":"x","status":404,"code":"order_not_found"}`)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	c, err := NewOrderContacts(server.URL, "token")
	if err != nil {
		t.Fatal(err)
	}
	found, err := c.Contact(context.Background(), "m1", "order_1")
	if want := (Contact{Name: "张三", Email: "zhang@mail.example", Language: "en"}); err != nil || found != want {
		t.Errorf("got %+v, %v", found, err)
	}
	if found, err = c.Contact(context.Background(), "m1", "order_2"); err != nil || found != (Contact{}) {
		t.Errorf("missing order: %+v, %v", found, err)
	}
	if _, err = c.Contact(context.Background(), "m1", "order_3"); err == nil {
		t.Error("a failure of the order service is taken for an order without contact")
	}
}
