# doxygen.sed: the comments of the public headers as Doxygen's: those that open a line, and those behind a member.
# The lines that head a part go: they would be taken for the first declaration's.
s|^/\* -* .* -* \*/$||
1s|^/\* \([a-z]*\.hp*\): |/** @file\n * |
s|^\( *\)/\* |\1/** |
/^#\(else\|endif\)/! s|^\( *[^ /*].*[^ {]\)  */\* |\1 /**< |
