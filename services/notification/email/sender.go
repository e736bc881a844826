// Package email tells a buyer by e-mail, over SMTP. The address is read from the order service when a
// message is sent and is neither stored nor logged; so are errors of the mail server, which may quote it.
package email

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/notification/wording"
	"aftercare.dev/services/platform/config"
)

// The modes of TLS.
const (
	TLSNone          = "none"
	TLSOpportunistic = "opportunistic"
	TLSStartTLS      = "starttls"
	TLSImplicit      = "tls"
)

// timeout bounds connecting, and then the exchange, each.
const timeout = 15 * time.Second

// Config says how mail leaves the house. An empty Addr switches e-mail off.
type Config struct {
	// Addr is host:port of the mail server.
	Addr string `env:"ADDR" validate:"omitempty,hostname_port"`
	// From is the sender, as an address or Name <address>.
	From string `env:"FROM" envDefault:"Aftercare <no-reply@aftercare.invalid>"`
	// Username and Password are for servers that want them; an empty Username does not sign in.
	Username string        `env:"USERNAME"`
	Password config.Secret `env:"PASSWORD"`
	// TLS is how the connection is encrypted: tls from the first byte, starttls or not at all,
	// opportunistic if the server offers it, none.
	TLS string `env:"TLS" envDefault:"starttls" validate:"oneof=none opportunistic starttls tls"`
}

// CheckFrom tells whether From is an address.
func (c Config) CheckFrom() error {
	_, err := c.sender()
	return err
}

func (c Config) sender() (*mail.Address, error) {
	from, err := mail.ParseAddress(c.From)
	if err != nil {
		return nil, fmt.Errorf("the sender is %q, expected no-reply@shop.example or Shop <no-reply@shop.example>", c.From)
	}
	return from, nil
}

// Contact is whom to write to. It is personal data.
type Contact struct {
	Name     string
	Email    string
	Language string
}

// Contacts is where the sender asks for the buyer of an order. An order without one is a zero Contact.
type Contacts interface {
	Contact(ctx context.Context, merchantID, orderID string) (Contact, error)
}

// Sender writes e-mails. It is safe for concurrent use.
type Sender struct {
	client   *gomail.Client
	from     mail.Address
	contacts Contacts
	book     *wording.Book
}

// NewSender returns a sender for a configuration with an Addr. It does not connect yet.
func NewSender(cfg Config, contacts Contacts, book *wording.Book) (*Sender, error) {
	from, err := cfg.sender()
	if err != nil {
		return nil, err
	}
	host, portText, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("the mail server is %q, expected host:port", cfg.Addr)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("the mail server is %q, expected host:port", cfg.Addr)
	}
	options := []gomail.Option{gomail.WithPort(port), gomail.WithTimeout(timeout)}
	switch cfg.TLS {
	case TLSImplicit:
		options = append(options, gomail.WithSSL())
	case TLSNone:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	case TLSOpportunistic:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if cfg.Username != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(cfg.Username), gomail.WithPassword(string(cfg.Password)))
	}
	client, err := gomail.NewClient(host, options...)
	if err != nil {
		return nil, fmt.Errorf("prepare the mail client: %w", err)
	}
	return &Sender{client: client, from: *from, contacts: contacts, book: book}, nil
}

// Send makes one attempt. SMTP cannot take back a message whose acknowledgement was lost; the repeat
// has the same Message-ID, by which mail systems recognise it.
func (s *Sender) Send(ctx context.Context, m domain.Message) domain.Result {
	contact, err := s.contacts.Contact(ctx, m.Event.MerchantID, m.Event.OrderID)
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return domain.Result{Verdict: domain.Interrupted}
		}
		return domain.Result{Verdict: domain.Retry, Code: domain.ErrorNoContact}
	}
	if contact.Email == "" {
		return domain.Result{Verdict: domain.Skipped, Code: domain.ErrorNoAddress}
	}
	message, result := s.compose(m, contact)
	if message == nil {
		return result
	}
	err = s.client.DialAndSendWithContext(ctx, message)
	// The server has it once it has acknowledged the content; a farewell that failed changes nothing.
	if err == nil || message.IsDelivered() {
		return domain.Result{Verdict: domain.Delivered, Status: 250}
	}
	return judge(ctx, err)
}

// compose writes the message, or says why it cannot be written.
func (s *Sender) compose(m domain.Message, contact Contact) (*gomail.Msg, domain.Result) {
	to, err := mail.ParseAddress(contact.Email)
	if err != nil || to.Name != "" || to.Address != contact.Email {
		return nil, domain.Result{Verdict: domain.Failed, Code: domain.ErrorBadAddress}
	}
	text, err := s.book.Email(m.Event, contact.Name, contact.Language)
	if err != nil {
		return nil, domain.Result{Verdict: domain.Failed, Code: domain.ErrorInternal}
	}
	message := gomail.NewMsg()
	message.FromMailAddress(&s.from)
	message.ToMailAddress(&mail.Address{Name: strings.Join(strings.Fields(contact.Name), " "), Address: to.Address})
	message.Subject(text.Title)
	message.SetBodyString(gomail.TypeTextPlain, text.Body)
	message.SetMessageIDWithValue(s.messageID(m.Delivery.DeliveryID))
	message.SetDateWithValue(m.Event.OccurredAt)
	message.SetGenHeader(gomail.HeaderContentLang, s.book.Language(contact.Language))
	// RFC 3834: keeps holiday notices and the like from answering.
	message.SetGenHeader("Auto-Submitted", "auto-generated")
	return message, domain.Result{}
}

// messageID derives from the delivery, so that it is the same at every attempt.
func (s *Sender) messageID(deliveryID string) string {
	_, host, _ := strings.Cut(s.from.Address, "@")
	return deliveryID + "@" + host
}

// judge says what a failure means. The server's 5xx about recipient or content is final. Everything
// before that (connection, encryption, sign-in, the sender's address) is about the configuration of the
// two servers, not about this message, and is tried again.
func judge(ctx context.Context, err error) domain.Result {
	var refused *gomail.SendError
	if errors.As(err, &refused) && refused.ErrorCode() != 0 {
		result := domain.Result{Verdict: domain.Retry, Status: refused.ErrorCode(), Code: domain.ErrorSMTP}
		switch refused.Reason {
		case gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
			if refused.ErrorCode() >= 500 {
				result.Verdict = domain.Failed
			}
		default: // about the two servers
		}
		return result
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return domain.Result{Verdict: domain.Interrupted}
	}
	return domain.Result{Verdict: domain.Retry, Code: domain.ErrorSMTPUnavailable}
}
