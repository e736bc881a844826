// Package wording turns events into sentences for people: a title and a body for each type of event,
// in English and Chinese, with the event's ids and amounts in them. The texts are the JSON files beside
// this one, as templates of text/template; they hold no personal data but the name in an e-mail's greeting.
package wording

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"

	"golang.org/x/text/language"

	"aftercare.dev/services/notification/domain"
)

//go:embed en.json zh-CN.json
var files embed.FS

// The entries of a file that are no type of event.
const (
	fallbackKey = "*"     // types that the file does not know
	emailKey    = "email" // the frame of an e-mail
)

// Text is a message as a person reads it.
type Text struct {
	Title string
	Body  string
}

// Book has the texts of all languages. It is safe for concurrent use.
type Book struct {
	matcher language.Matcher
	tags    []language.Tag
	texts   []map[string]entry
}

type entry struct {
	title, body *template.Template
}

// New reads the texts. It fails only if the program was built with a broken file.
func New() (*Book, error) {
	// The first is what a reader gets who asks for no language that we have: the shops' own.
	tags := []language.Tag{language.MustParse("zh-CN"), language.English}
	b := &Book{matcher: language.NewMatcher(tags), tags: tags}
	for _, tag := range tags {
		texts, err := read(tag.String() + ".json")
		if err != nil {
			return nil, fmt.Errorf("read texts of %s: %w", tag, err)
		}
		b.texts = append(b.texts, texts)
	}
	return b, nil
}

func read(file string) (map[string]entry, error) {
	data, err := files.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var sources map[string]struct {
		Title string `json:"title"`
		Body  string `json:"body"`
	}
	if err := json.Unmarshal(data, &sources); err != nil {
		return nil, err
	}
	texts := make(map[string]entry, len(sources))
	for key, source := range sources {
		title, err := template.New(key).Option("missingkey=error").Parse(source.Title)
		if err != nil {
			return nil, err
		}
		body, err := template.New(key).Option("missingkey=error").Parse(source.Body)
		if err != nil {
			return nil, err
		}
		texts[key] = entry{title, body}
	}
	return texts, nil
}

// index finds the language for a tag or a whole header Accept-Language.
func (b *Book) index(languages string) int {
	wanted, _, err := language.ParseAcceptLanguage(languages)
	if err != nil || len(wanted) == 0 {
		return 0
	}
	_, i, _ := b.matcher.Match(wanted...)
	return i
}

// Language returns the tag of the language that a reader of these gets.
func (b *Book) Language(languages string) string { return b.tags[b.index(languages)].String() }

// Event returns what the event says in the reader's language: a tag or a header Accept-Language.
func (b *Book) Event(e domain.Event, languages string) (Text, error) {
	i := b.index(languages)
	return b.fill(i, e.Type, valuesOf(e, b.tags[i]))
}

// Email returns subject and text of an e-mail about the event. An empty name greets nobody.
func (b *Book) Email(e domain.Event, name, languages string) (Text, error) {
	i := b.index(languages)
	values := valuesOf(e, b.tags[i])
	text, err := b.fill(i, e.Type, values)
	if err != nil {
		return Text{}, err
	}
	values.Title, values.Body, values.Name = text.Title, text.Body, oneLine(name)
	return b.fill(i, emailKey, values)
}

func (b *Book) fill(i int, key string, values values) (Text, error) {
	found, ok := b.texts[i][key]
	if !ok {
		found = b.texts[i][fallbackKey]
	}
	var title, body strings.Builder
	if err := found.title.Execute(&title, values); err != nil {
		return Text{}, fmt.Errorf("title of %s: %w", key, err)
	}
	if err := found.body.Execute(&body, values); err != nil {
		return Text{}, fmt.Errorf("body of %s: %w", key, err)
	}
	return Text{Title: title.String(), Body: body.String()}, nil
}

// oneLine keeps a name from adding lines, and so sentences, of its own.
func oneLine(name string) string { return strings.Join(strings.Fields(name), " ") }
