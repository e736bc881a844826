package problem

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed catalog/*.json
var catalog embed.FS

// Catalog is the platform's own catalog, in the form that [NewRenderer] takes.
func Catalog() fs.FS {
	sub, err := fs.Sub(catalog, "catalog")
	if err != nil {
		panic(err) // the directory is embedded above
	}
	return sub
}

// Renderer writes problem documents with titles in the reader's language. It is safe for
// concurrent use.
type Renderer struct {
	bundle *i18n.Bundle
}

// NewRenderer returns a renderer that knows the platform's codes and those of the given catalogs.
// A catalog is a directory with a file for each language, "en.json" and "zh-CN.json", that maps
// codes to titles:
//
//	{"refund_exceeds_payment": "The refund is more than was paid"}
//
// The title of an unknown code is the [Error]'s own, or else the one of its status.
func NewRenderer(catalogs ...fs.FS) (*Renderer, error) {
	bundle := i18n.NewBundle(language.English)
	for _, c := range append([]fs.FS{Catalog()}, catalogs...) {
		if err := load(bundle, c); err != nil {
			return nil, fmt.Errorf("read catalog of problem titles: %w", err)
		}
	}
	return &Renderer{bundle: bundle}, nil
}

func load(bundle *i18n.Bundle, c fs.FS) error {
	files, err := fs.Glob(c, "*.json")
	if err != nil {
		return err
	}
	for _, file := range files {
		tag, err := language.Parse(file[:len(file)-len(path.Ext(file))])
		if err != nil {
			return fmt.Errorf("%s is not named after a language: %w", file, err)
		}
		data, err := fs.ReadFile(c, file)
		if err != nil {
			return err
		}
		titles := map[string]string{}
		if err := json.Unmarshal(data, &titles); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for code, title := range titles {
			if err := bundle.AddMessages(tag, &i18n.Message{ID: code, Other: title}); err != nil {
				return fmt.Errorf("%s: %s: %w", file, code, err)
			}
		}
	}
	return nil
}

// title finds the title, and the language that it is in.
func (r *Renderer) title(e *Error, languages string) (title, tag string) {
	localizer := i18n.NewLocalizer(r.bundle, languages)
	if title, tag, err := localizer.LocalizeWithTag(&i18n.LocalizeConfig{MessageID: e.Code}); title != "" {
		_ = err // says only that the title is in the default language
		return title, tag.String()
	}
	if e.Title != "" {
		return e.Title, language.English.String()
	}
	if title, tag, _ := localizer.LocalizeWithTag(&i18n.LocalizeConfig{MessageID: codeOf(e.Status)}); title != "" {
		return title, tag.String()
	}
	return http.StatusText(e.Status), language.English.String()
}
