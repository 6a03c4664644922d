from reverse_bits import count_bits, is_palindrome, reverse_bits


def test_against_text():
    for width in (1, 4, 8, 11):
        for number in range(2**width):
            oracle = int(f"{number:0{width}b}"[::-1], 2)
            assert reverse_bits(number, width) == oracle
            assert is_palindrome(number, width) == (oracle == number)
            assert count_bits(number) == bin(number).count("1")
