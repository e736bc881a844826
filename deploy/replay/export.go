// Package replay takes a real shop's export of invoices and credit notes, loads the invoices as orders, files a return
// for each credit through the public API, drives every case to its end, and compares the money with the export to the
// last penny.
package replay

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Row is a line of an export that means something.
type Row struct {
	// Line is its number in the file; the header is line 1.
	Line     int
	Invoice  string
	Stock    string
	Title    string
	Customer string
	At       time.Time
	// Quantity is above zero, for purchases and credits alike.
	Quantity int64
	// Total is what the line is worth in pence: quantity times unit price, rounded half up.
	Total  int64
	Credit bool
}

// Rejected is a line that no system could take, and why.
type Rejected struct {
	Line   int
	Reason string
}

// columns of the export, in any order.
var columns = []string{"InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"}

// goods begin with five digits; other stock codes are postage, fees and corrections.
var goods = regexp.MustCompile(`^[0-9]{5}`)

// identifier is what the API takes as an id.
var identifier = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$`)

// Export reads a file of the format, gzipped or plain, line by line.
type Export struct {
	file   *os.File
	csv    *csv.Reader
	column map[string]int
	line   int
}

// Open opens an export and checks its header.
func Open(path string) (*Export, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the export cannot be read: %w; give DATA=<file.csv.gz>", err)
	}
	e := &Export{file: file, column: map[string]int{}, line: 1}
	var content io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if content, err = gzip.NewReader(file); err != nil {
			return nil, errors.Join(fmt.Errorf("%s is not a gzip file: %w", path, err), file.Close())
		}
	}
	e.csv = csv.NewReader(content)
	e.csv.FieldsPerRecord = -1
	e.csv.LazyQuotes = true
	header, err := e.csv.Read()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s has no header: %w", path, err), file.Close())
	}
	for i, name := range header {
		e.column[strings.TrimPrefix(strings.TrimSpace(name), "\ufeff")] = i
	}
	for _, name := range columns {
		if _, ok := e.column[name]; !ok {
			return nil, errors.Join(fmt.Errorf("%s has no column %s; the columns are %s", path, name, strings.Join(columns, ", ")), file.Close())
		}
	}
	return e, nil
}

// Close closes the file.
func (e *Export) Close() error { return e.file.Close() }

// Next returns the next line: a row, or why it is none. At the end it returns io.EOF.
func (e *Export) Next() (Row, *Rejected, error) {
	record, err := e.csv.Read()
	if errors.Is(err, io.EOF) {
		return Row{}, nil, io.EOF
	}
	e.line++
	if line, _ := e.csv.FieldPos(0); err == nil {
		e.line = line
	}
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		e.line = bad.StartLine
		return Row{}, &Rejected{e.line, "not readable as CSV: " + bad.Err.Error()}, nil
	}
	if err != nil {
		return Row{}, nil, fmt.Errorf("read line %d: %w", e.line, err)
	}
	row, reason := e.parse(record)
	if reason != "" {
		return Row{}, &Rejected{e.line, reason}, nil
	}
	return row, nil, nil
}

func (e *Export) parse(record []string) (Row, string) {
	field := func(name string) string {
		if i := e.column[name]; i < len(record) {
			return strings.TrimSpace(record[i])
		}
		return ""
	}
	row := Row{
		Line: e.line, Invoice: field("InvoiceNo"), Stock: field("StockCode"), Title: field("Description"),
		Customer: strings.TrimSuffix(field("CustomerID"), ".0"),
	}
	row.Credit = strings.HasPrefix(row.Invoice, "C")
	quantity, err := strconv.ParseInt(field("Quantity"), 10, 64)
	if err != nil {
		return row, "the quantity is not a whole number"
	}
	price, ok := new(big.Rat).SetString(field("UnitPrice"))
	if !ok {
		return row, "the unit price is not a number"
	}
	if row.At, err = time.Parse(time.DateTime, field("InvoiceDate")); err != nil {
		return row, "the date is not of the form YYYY-MM-DD HH:MM:SS"
	}
	if reason := row.check(quantity, price); reason != "" {
		return row, reason
	}
	row.Quantity = max(quantity, -quantity)
	var fits bool
	if row.Total, fits = worth(row.Quantity, price); !fits {
		return row, "the line is worth more than can be"
	}
	return row, ""
}

// check tells why a row is neither a purchase nor a credit.
func (r Row) check(quantity int64, price *big.Rat) string {
	switch {
	case !identifier.MatchString(r.Invoice):
		return "the invoice number cannot be an id"
	case r.Stock == "":
		return "no stock code"
	case price.Sign() <= 0:
		return "the price is not above zero"
	case r.Credit && quantity >= 0:
		return "a credit note whose quantity is not below zero"
	case r.Credit && r.Customer == "":
		return "a credit note of an unknown customer"
	case r.Credit && !goods.MatchString(r.Stock):
		return "a credit note for something that is no goods"
	case !r.Credit && quantity <= 0:
		return "an invoice whose quantity is not above zero"
	case max(quantity, -quantity) > maxQuantity:
		return "more units than a line can have"
	default:
		return ""
	}
}

// maxQuantity is how many units a line of an order can have.
const maxQuantity = 10_000_000

// worth is quantity times price in pence, rounded half up.
func worth(quantity int64, price *big.Rat) (int64, bool) {
	pence := new(big.Rat).Mul(price, big.NewRat(quantity, 1))
	pence.Mul(pence, big.NewRat(100, 1))
	pence.Add(pence, big.NewRat(1, 2))
	whole := new(big.Int).Div(pence.Num(), pence.Denom())
	return whole.Int64(), whole.IsInt64() && whole.Int64() <= 1_000_000_000_000
}
