// Package birthday is the domain that both Go peers share: user names, dates, days until a birthday.
package birthday

import (
	"errors"
	"fmt"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const maxLetters = 64

// Errors that are answered with 400.
var (
	ErrUsername = errors.New("a user name has 1 to 64 letters")
	ErrDate     = errors.New(`send {"dateOfBirth":"YYYY-MM-DD"}, a day before today`)
)

// Username returns name in NFC, or ErrUsername when it is not 1 to 64 letters with their combining marks.
func Username(name string) (string, error) {
	name = norm.NFC.String(name)
	letters := 0
	for _, r := range name {
		switch {
		case unicode.IsLetter(r):
			letters++
		case letters > 0 && unicode.IsMark(r):
		default:
			return "", ErrUsername
		}
	}
	if letters == 0 || letters > maxLetters {
		return "", ErrUsername
	}
	return name, nil
}

// Date checks that text is a real date before today, exactly YYYY-MM-DD, year 0001 or later.
func Date(text string, now time.Time) (time.Time, error) {
	date, err := time.Parse(time.DateOnly, text)
	if err != nil || date.Year() < 1 || !date.Before(midnight(now)) {
		return time.Time{}, ErrDate
	}
	return date, nil
}

// Greeting is the sentence for username, born on birth.
func Greeting(username string, birth, now time.Time) string {
	days := daysUntil(birth, midnight(now))
	if days == 0 {
		return fmt.Sprintf("Hello, %s! Happy birthday!", username)
	}
	return fmt.Sprintf("Hello, %s! Your birthday is in %d day(s)", username, days)
}

func daysUntil(birth, today time.Time) int {
	next := birthdayIn(today.Year(), birth)
	if next.Before(today) {
		next = birthdayIn(today.Year()+1, birth)
	}
	return int(next.Sub(today) / (24 * time.Hour))
}

// birthdayIn puts 29 February on the 28th in common years.
func birthdayIn(year int, birth time.Time) time.Time {
	day := time.Date(year, birth.Month(), birth.Day(), 0, 0, 0, 0, time.UTC)
	if day.Month() != birth.Month() {
		return day.AddDate(0, 0, -1)
	}
	return day
}

func midnight(now time.Time) time.Time {
	return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
}
